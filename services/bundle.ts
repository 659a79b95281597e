// Bundles a service into services/<name>/dist. The image adds only this folder to Node.
import { constants, copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type BuildOptions, build, type Metafile } from 'esbuild'
import { eventList } from './event-list.ts'

const here = new URL('./', import.meta.url)

export function bundling(service: string): BuildOptions {
  return {
    entryPoints: {
      main: fileURLToPath(new URL(`${service}/main.ts`, here)),
      migrate: fileURLToPath(new URL('kernel/migrate-job.ts', here)),
    },
    outdir: fileURLToPath(new URL(`${service}/dist/`, here)),
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // What is imported late stays in files of its own: OpenTelemetry is loaded only where it is configured.
    splitting: true,
    // Removes the fault points, at which tests kill the process.
    define: { 'process.env.SHOP_FAULT': 'undefined' },
    // Keeps identifiers, so that stack traces are readable.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    // Most dependencies are CommonJS, and they require Node's modules.
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
    // An optional dependency of pg that is not installed.
    external: ['pg-native'],
    logLevel: 'warning',
  }
}

/** Copies the SQL files of the kernel and of a service into one folder. Rejects when both have a file of the same name. */
export async function copyMigrations(service: string, to: URL): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const owner of ['kernel', service]) {
    const from = new URL(`${owner}/migrations/`, here)
    for (const name of await readdir(from)) {
      await copyFile(new URL(name, from), new URL(name, to), constants.COPYFILE_EXCL)
    }
  }
}

/** The files of the service that are in its bundle. */
export function sourcesOf(service: string, { inputs }: Metafile): URL[] {
  const folder = new URL(`${service}/`, here).href
  return Object.keys(inputs)
    .map((file) => pathToFileURL(file))
    .filter(({ href }) => href.startsWith(folder))
}

if (import.meta.main) {
  const name = process.argv[2]
  if (!name || !/^[a-z][a-z-]*$/.test(name)) {
    process.stderr.write('usage: node services/bundle.ts <service>\n')
    process.exit(2)
  }
  const dist = new URL(`${name}/dist/`, here)
  await rm(dist, { recursive: true, force: true })
  const { metafile } = await build({ ...bundling(name), metafile: true })
  await copyMigrations(name, new URL('migrations/', dist))
  const events = await eventList(name, sourcesOf(name, metafile))
  await writeFile(new URL('events.json', dist), `${JSON.stringify(events, null, 2)}\n`)
}
