// What is written to an Application of Argo CD.
import { beforeEach, describe, expect, it } from 'vitest'
import { createApplications } from '../../../src/adapters/kubernetes/applications.ts'
import { createFakeApi, type FakeApi } from '../../fakes/kubernetes-api.ts'

const path = '/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/local-services'
const running = {
  operation: { sync: { revision: 'b' } },
  status: { operationState: { phase: 'Running', operation: { sync: { revision: 'b' } } } },
}
const ended = { status: { operationState: { phase: 'Succeeded' } } }
let api: FakeApi

beforeEach(() => {
  api = createFakeApi(Date.now)
})

function put(fields: object, name = 'local-services', env = 'local'): void {
  const metadata = { name, labels: { 'shopctl.dev/environment': env } }
  api.put(path.replace('local-services', name), { metadata, ...fields })
}

const applications = (through = api) => createApplications(through, 'argocd', 'local')
const phase = async () => (await applications().list())[0]?.operation?.phase

it('are those of the environment', async () => {
  put(running)
  put(ended, 'prod-services', 'prod')
  expect(await applications().list()).toMatchObject([
    { name: 'local-services', busy: true, operation: { phase: 'Running', revision: 'b' } },
  ])
})

it.each<[string, (name: string) => Promise<void>, object]>([
  [
    'a look at the branch',
    (name) => applications().refresh(name),
    { metadata: { annotations: { 'argocd.argoproj.io/refresh': 'normal' } } },
  ],
  [
    'another try',
    (name) => applications().sync(name, 'c'),
    { operation: { initiatedBy: { username: 'shopctl' }, sync: { revision: 'c', prune: true } } },
  ],
  [
    'no syncs',
    (name) => applications().setAutomatic(name, false, 'r-7'),
    {
      metadata: { annotations: { 'shopctl.dev/emergency': 'r-7' } },
      spec: { syncPolicy: { automated: { enabled: false } } },
    },
  ],
])('get %s', async (_, write, expected) => {
  put(ended)
  await write('local-services')
  expect(api.objects.get(path)).toMatchObject(expected)
})

describe('the end of an operation', () => {
  it('is asked for while it runs', async () => {
    put(running)
    await applications().terminate('local-services')
    expect(await phase()).toBe('Terminating')
  })

  it.each([
    ['is asked for once more if the Application changed meanwhile', running, 'Terminating'],
    ['that came meanwhile is left alone', ended, 'Succeeded'],
  ])('%s', async (_, then, expected) => {
    put(running)
    let changes = 1
    const racing: FakeApi = {
      ...api,
      async get<T>(wanted: string) {
        const found = await api.get<T>(wanted)
        if (changes-- > 0) put(then)
        return found
      },
    }
    await applications(racing).terminate('local-services')
    expect(await phase()).toBe(expected)
  })

  it('is not asked for where none runs', async () => {
    put(ended)
    await applications().terminate('local-services')
    expect(await phase()).toBe('Succeeded')
    expect(api.changes).toEqual([])
  })
})
