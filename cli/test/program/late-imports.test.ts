// What a command does not need is not loaded.
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { modulesOf } from './loaded-modules.ts'

vi.setConfig({ testTimeout: 20_000 })

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'shopctl.js')

/** The packages of AWS and of Sigstore that this command loads. */
async function awsPackages(...args: string[]): Promise<string[]> {
  const env = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }
  const urls = await modulesOf(launcher, args, { ...env, AWS_EC2_METADATA_DISABLED: 'true' })
  expect(urls.join('\n')).toContain('/src/program/program.ts')
  const found = urls.flatMap((url) => {
    const [, name] = /\/node_modules\/(@(?:aws-sdk|smithy|sigstore|tufjs)\/[^/]+)\//.exec(url) ?? []
    return name ?? []
  })
  return [...new Set(found)].sort()
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
