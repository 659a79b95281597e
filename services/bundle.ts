// Bundles a service into services/<name>/dist, which is all that its image adds to Node.
import { cp, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build } from 'esbuild'

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
    // The places where tests kill the process are not there.
    define: { 'process.env.SHOP_FAULT': 'undefined' },
    // Names stay, so that stack traces can be read.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    // Most dependencies are CommonJS and ask for Node's modules by require.
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
    // Optional native parts of pg, not installed.
    external: ['pg-native'],
    logLevel: 'warning',
  }
}

/** Copies the SQL files of the kernel and of a service into one folder. */
export async function copyMigrations(service: string, to: URL): Promise<void> {
  for (const owner of ['kernel', service]) {
    await cp(new URL(`${owner}/migrations/`, here), to, { recursive: true })
  }
}

if (import.meta.main) {
  const name = process.argv[2]
  if (!name || !/^[a-z][a-z-]*$/.test(name)) {
    process.stderr.write('usage: node services/bundle.ts <service>\n')
    process.exit(2)
  }
  const dist = new URL(`${name}/dist/`, here)
  await rm(dist, { recursive: true, force: true })
  await build(bundling(name))
  await copyMigrations(name, new URL('migrations/', dist))
}
