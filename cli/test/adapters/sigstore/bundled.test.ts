// The libraries of Sigstore are CommonJS. They work in the bundle that is packed, too.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { createShell } from '../../../src/adapters/shell.ts'
import { startSigstore } from '../../fakes/sigstore.ts'
import { startTuf } from '../../fakes/tuf.ts'

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

const cli = join(import.meta.dirname, '..', '..', '..')
const digest = `sha256:${'a'.repeat(64)}`
const shell = createShell()
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bundled-'))
  const source = join(cli, 'src/adapters/sigstore/attestations.ts')
  writeFileSync(
    join(folder, 'entry.mjs'),
    `import { createAttestations } from ${JSON.stringify(source)}
const { bundle, roots, options } = JSON.parse(process.argv[2])
const attestations = createAttestations({ ...options, folder: () => options.kept, env: {} })
console.log(JSON.stringify(await attestations.verify([bundle], roots)))`,
  )
  const { scripts } = JSON.parse(readFileSync(join(cli, 'package.json'), 'utf8'))
  const packing = scripts.prepack
    .split(' && ')
    .at(-1)
    .replace(/src\S+ src\S+/, '"$ENTRY"')
  const line = packing.replace('--outdir=dist/bundle', '--outdir="$OUT"')
  const env = { ENTRY: join(folder, 'entry.mjs'), OUT: join(folder, 'out') }
  const path = `${join(cli, '../node_modules/.bin')}:${process.env.PATH}`
  await shell.check({ program: 'sh', args: ['-c', line], cwd: cli, env: { ...env, PATH: path } })
  writeFileSync(join(folder, 'out/package.json'), '{"type":"module"}')
})
afterAll(() => rmSync(folder, { recursive: true }))

it.each(['a file', 'TUF'])('an attestation is checked with the roots of %s', async (from) => {
  const sigstore = await startSigstore()
  const tuf = await startTuf({ name: 'trusted_root.json', content: sigstore.root })
  const rootFile = join(folder, 'root.json')
  writeFileSync(rootFile, tuf.root)
  const input = {
    bundle: await sigstore.sign({ digest }),
    roots: from === 'TUF' ? null : { file: 'roots.jsonl', text: sigstore.root },
    options: {
      kept: join(folder, 'kept'),
      limit: { seconds: 4, setting: '' },
      mirror: { url: tuf.url, rootFile },
    },
  }
  const args = [join(folder, 'out/entry.js'), JSON.stringify(input)]
  const stdout = await shell.check({ program: process.execPath, args })
  expect(JSON.parse(stdout)).toMatchObject([{ kind: 'attestation', subjects: [digest] }])
  tuf.close()
  sigstore.close()
})
