// What a command does not need is not loaded.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { createShell } from '../../src/adapters/shell.ts'

vi.setConfig({ testTimeout: 20_000 })

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'shopctl.js')
const shell = createShell()
let folder: string
/** Prints each module that is loaded, by import or require. */
const hook = `import { registerHooks } from 'node:module'
import { writeSync } from 'node:fs'
registerHooks({ load(url, context, next) { writeSync(2, 'loaded ' + url + '\\n'); return next(url, context) } })`

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'late-imports-'))
  await writeFile(join(folder, 'hook.mjs'), hook)
})
afterAll(() => rm(folder, { recursive: true }))

/** The packages of AWS and of Sigstore that this command loads. */
async function awsPackages(...args: string[]): Promise<string[]> {
  const { stderr } = await shell.run({
    program: process.execPath,
    args: ['--import', join(folder, 'hook.mjs'), launcher, ...args],
    env: { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_EC2_METADATA_DISABLED: 'true' },
  })
  expect(stderr).toContain('/src/program/program.ts')
  const found = stderr.matchAll(
    /^loaded .*\/node_modules\/(@(?:aws-sdk|smithy|sigstore|tufjs)\/[^/]+)\//gm,
  )
  return [...new Set([...found].map(([, name = '']) => name))].sort()
}

it.each([[['--help']], [['--version']], [['platform', '--help']], [['status', '--env', 'none']]])(
  '%s loads nothing of AWS and Sigstore',
  async (args) => expect(await awsPackages(...args)).toEqual([]),
)

it('a token from keys needs the signer, but no client of a service', async () => {
  const used = await awsPackages('eks-token', '--cluster', 'shop', '--region', 'eu-central-1')
  expect(used).toContain('@smithy/signature-v4')
  expect(used.filter((name) => /client-|nested/.test(name))).toEqual([])
})
