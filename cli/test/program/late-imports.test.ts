// What a command does not need is not loaded.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { writeKubeconfig } from '../fakes/api-server.ts'
import { configText } from '../fakes/config.ts'
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

describe('what asks the stores of an environment', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'late-imports-'))
    const stores =
      "metrics: { service: 'o/p:9090' }\n    logs: { service: 'o/logs:9428', kind: loki }"
    const cluster = 'cluster: { context: a, registry: "127.0.0.1:1" }'
    const text = configText.replace('cluster: embedded', `${cluster}\n    ${stores}`)
    await writeFile(join(folder, 'shopctl.yaml'), text)
    writeKubeconfig(folder, { server: 'http://127.0.0.1:1' })
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('of report: what draws', async () => {
    const env = { KUBECONFIG: join(folder, 'config') }
    const drawing = /node_modules\/(@observablehq|d3-[a-z]+|linkedom)\//
    const loaded = async (...args: string[]) =>
      drawing.test((await modulesOf(launcher, args, env, folder)).join('\n'))
    expect(await loaded('report', 'r-1')).toBe(true)
    for (const args of [['--help'], ['report', '--help'], ['history']])
      expect(await loaded(...args)).toBe(false)
  })

  it.each([
    ['status', false],
    ['logs', true],
  ])('of %s: the store of logs %s', async (verb, expected) => {
    const env = { KUBECONFIG: join(folder, 'config') }
    const urls = (await modulesOf(launcher, [verb], env, folder)).join('\n')
    expect(urls).toContain('/src/adapters/kubernetes/ports.ts')
    expect(/\/src\/(adapters\/logs|context\/log-store)/.test(urls)).toBe(expected)
  })
})
