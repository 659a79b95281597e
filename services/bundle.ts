// Bundles a service into services/<name>/dist, which is all that its image adds to Node.
import { cp, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const name = process.argv[2]
if (!name || !/^[a-z][a-z-]*$/.test(name)) {
  process.stderr.write('usage: node services/bundle.ts <service>\n')
  process.exit(2)
}

const here = new URL('./', import.meta.url)
const service = new URL(`${name}/`, here)
const dist = new URL('dist/', service)

await rm(dist, { recursive: true, force: true })
await build({
  entryPoints: {
    main: fileURLToPath(new URL('main.ts', service)),
    migrate: fileURLToPath(new URL('kernel/migrate-job.ts', here)),
  },
  outdir: fileURLToPath(dist),
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
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
})
await cp(new URL('migrations/', service), new URL('migrations/', dist), { recursive: true })
