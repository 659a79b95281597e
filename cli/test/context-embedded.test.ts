// How the commands reach the embedded platform: its registry is not believed, and its helm asks no proxy for the cluster.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createContext, openSession } from '../src/context.ts'
import { configText } from './fakes/config.ts'

const folder = mkdtempSync(join(tmpdir(), 'embedded-'))
const file = (name: string) => join(folder, name)

vi.mock('../src/platform/platform.ts', () => ({
  createPlatform: () => ({
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
