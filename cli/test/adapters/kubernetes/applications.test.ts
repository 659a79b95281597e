// What is written to an Application of Argo CD.
import { beforeEach, describe, expect, it } from 'vitest'
import { createApplications } from '../../../src/adapters/kubernetes/applications.ts'
import { createFakeApi, type FakeApi } from '../../fakes/kubernetes-api.ts'

const path = '/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/shop.local.services'
const running = {
  operation: { sync: { revision: 'b' } },
  status: { operationState: { phase: 'Running', operation: { sync: { revision: 'b' } } } },
}
const ended = { status: { operationState: { phase: 'Succeeded' } } }
let api: FakeApi

beforeEach(() => {
  api = createFakeApi(Date.now)
})

function put(fields: object, name = 'shop.local.services', system = 'shop', env = 'local'): void {
  const labels = { 'shopctl.dev/system': system, 'shopctl.dev/environment': env }
  const metadata = { name, labels }
  api.put(path.replace('shop.local.services', name), { metadata, ...fields })
}

const applications = (through = api) =>
  createApplications(through, 'argocd', { system: 'shop', env: 'local' })
const phase = async () => (await applications().list())[0]?.operation?.phase

it('are those of the environment of this system', async () => {
  put(running)
  put(ended, 'shop.prod.services', 'shop', 'prod')
  put(ended, 'bank.local.services', 'bank')
  expect(await applications().list()).toMatchObject([
    { name: 'shop.local.services', busy: true, operation: { phase: 'Running', revision: 'b' } },
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
    'a try that writes nothing',
    (name) => applications().sync(name, 'c', { dryRun: true }),
    { operation: { sync: { revision: 'c', dryRun: true } } },
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
  await write('shop.local.services')
  expect(api.objects.get(path)).toMatchObject(expected)
})

describe('an operation that is asked for', () => {
  const syncOptions = ['RespectIgnoreDifferences=true', 'ApplyOutOfSyncOnly=true']
  const initiatedBy = { username: 'shopctl' }

  it('has the options of the Application: Argo CD takes no others', async () => {
    put({ ...ended, spec: { syncPolicy: { syncOptions } } })
    await applications().sync('shop.local.services', 'c')
    const operation = { initiatedBy, sync: { revision: 'c', prune: true, syncOptions } }
    expect(api.objects.get(path)).toMatchObject({ operation })
  })

  it('has nothing of the one whose place it takes', async () => {
    const theirs = {
      ...{ revision: 'b', dryRun: true, syncStrategy: { hook: {} }, manifests: ['a: 1'] },
      ...{ resources: [{ kind: 'Service', name: 'order' }], syncOptions: ['Replace=true'] },
    }
    const retry = { limit: 5 }
    put({ operation: { initiatedBy: { automated: true }, sync: theirs, retry, info: [] } })
    await applications().sync('shop.local.services', 'c')
    expect(api.objects.get(path)).toHaveProperty('operation', {
      ...{ initiatedBy, sync: { revision: 'c', prune: true } },
    })
  })
})

describe('the end of an operation', () => {
  it('is asked for while it runs', async () => {
    put(running)
    await applications().terminate('shop.local.services')
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
    await applications(racing).terminate('shop.local.services')
    expect(await phase()).toBe(expected)
  })

  it('is not asked for where none runs', async () => {
    put(ended)
    await applications().terminate('shop.local.services')
    expect(await phase()).toBe('Succeeded')
    expect(api.changes).toEqual([])
  })
})
