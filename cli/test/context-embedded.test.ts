// How the commands reach the embedded platform: its registry is not believed, and its helm asks no proxy for the cluster.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, it, vi } from 'vitest'
import { platformUpCommand } from '../src/commands/platform.ts'
import { createContext, createPlatformContext, openSession } from '../src/context.ts'
import type { Result } from '../src/output/result.ts'
import { configText } from './fakes/config.ts'
import { createFakeProgress } from './fakes/host.ts'

const folder = mkdtempSync(join(tmpdir(), 'embedded-'))
const file = (name: string) => join(folder, name)

/** What the platform was started with. */
const ups = vi.hoisted((): unknown[] => [])

vi.mock('../src/platform/platform.ts', () => ({
  createPlatform: () => ({
    async up(input: { with?: string }) {
      ups.push(input)
      return { running: false, components: [], with: [input.with ?? []].flat() }
    },
    status: async () => ({
      running: true,
      kubeconfig: file('kubeconfig'),
      registry: '127.0.0.1:1',
    }),
    tools: async () => ({
      ...{ helm: file('helm'), docker: 'docker', dockerHost: '', dockerConfig: '' },
      direct: ['10.0.0.0/8'],
    }),
  }),
}))

beforeEach(() => {
  writeFileSync(file('shopctl.yaml'), configText)
  const named = { name: 'a', context: { cluster: 'a', user: 'a' } }
  const kubeconfig = {
    ...{ 'current-context': 'a', contexts: [named], users: [{ name: 'a', user: {} }] },
    clusters: [{ name: 'a', cluster: { server: 'https://10.1.2.3' } }],
  }
  writeFileSync(file('kubeconfig'), JSON.stringify(kubeconfig))
  // Renders an object that says what helm knows.
  const script = "echo \"metadata: { direct: '$NO_PROXY', kubeconfig: '$KUBECONFIG' }\""
  writeFileSync(file('helm'), `#!/bin/sh\n${script}\n`, { mode: 0o700 })
  vi.spyOn(process, 'cwd').mockReturnValue(folder)
  vi.stubEnv('HTTPS_PROXY', 'http://proxy')
  vi.stubEnv('NO_PROXY', 'mine.test')
})
afterEach(() => {
  ups.length = 0
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})
afterAll(() => rmSync(folder, { recursive: true }))

it('no program inherits the token for its metrics', async () => {
  const metrics = 'metrics: { url: https://prometheus.test, token: TEAM_TOKEN }'
  const text = configText.replace('namespace: shop\n', `namespace: shop\n    ${metrics}\n`)
  writeFileSync(file('shopctl.yaml'), text)
  const variables: NodeJS.ProcessEnv = { TEAM_TOKEN: 'verysecret' }
  const { signal } = new AbortController()
  const session = openSession({ command: 'build', env: 'local', services: null, variables })
  await createContext({ env: 'local', services: null, signal }, session)
  expect(variables).toEqual({})
})

it('everybody on this machine can write to its registry, and no proxy can reach its cluster', async () => {
  const { signal } = new AbortController()
  const session = openSession({ command: 'plan', env: 'local', services: null, variables: {} })
  const context = await createContext({ env: 'local', services: null, signal }, session)
  expect(await context.tree()).toMatchObject({
    registryAddress: '127.0.0.1:1',
    immutableTags: false,
  })
  const { charts } = await context.cluster()
  const chart = { name: 'order', chart: 'charts/app', valuesFiles: [], values: {} }
  expect(await charts.render(chart)).toEqual([
    { metadata: { direct: 'mine.test,10.0.0.0/8', kubeconfig: file('kubeconfig') } },
  ])
})

async function up(input: Parameters<typeof platformUpCommand>[1]): Promise<Result> {
  return platformUpCommand(await createPlatformContext(createFakeProgress()), input)
}

it('a part is added for the environments of shopctl.yaml that are in it', async () => {
  const away = '  away: { namespace: away, cluster: { context: away, registry: registry.test } }'
  const text = configText.replace(/^environments:$/m, `$&\n${away}`)
  writeFileSync(file('shopctl.yaml'), text)
  const { document } = await up({ with: 'observability' })
  expect(document).toMatchObject({ with: ['observability'] })
  const environments = [{ name: 'local', namespace: 'shop' }]
  expect(ups).toMatchObject([{ with: 'observability', environments }])
})

it.each<[string, () => void, object]>([
  [
    'there is no shopctl.yaml',
    () => rmSync(file('shopctl.yaml')),
    { code: 'no-config', hint: expect.stringMatching(/^Go to the folder of your project/) },
  ],
  [
    'no environment is in it',
    () =>
      writeFileSync(
        file('shopctl.yaml'),
        configText.replace('cluster: embedded', 'cluster: { context: a, registry: registry.test }'),
      ),
    { code: 'nothing-to-observe', hint: expect.stringMatching(/^Go to the folder of a project/) },
  ],
])('a part is not added where %s', async (_, given, expected) => {
  given()
  await expect(up({ with: 'observability' })).rejects.toMatchObject({ exitCode: 2, ...expected })
  expect(ups).toEqual([])
})

it.each([[{}], [{ without: 'observability' as const }]])(
  'a start with %j needs no shopctl.yaml',
  async (input) => {
    rmSync(file('shopctl.yaml'))
    await up(input)
    expect(ups).toMatchObject([{ ...input, environments: [] }])
  },
)
