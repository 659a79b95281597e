// `gitops init` and `gitops log`.
import { beforeEach, describe, expect, it } from 'vitest'
import { type Application, applicationOf } from '../../../src/adapters/kubernetes/applications.ts'
import { createCommits } from '../../../src/drivers/gitops/commits.ts'
import { createGitopsTools } from '../../../src/drivers/gitops/gitops.ts'
import { stateOf } from '../../../src/drivers/gitops/read.ts'
import { refused } from '../../../src/errors.ts'
import { createFakeConfigRepo, type FakeConfigRepo } from '../../fakes/config-repo.ts'
import { createFakeProgress, operator } from '../../fakes/host.ts'
import { createFakeApi, type FakeApi } from '../../fakes/kubernetes-api.ts'
import { treeOf } from './tree.ts'

let repo: FakeConfigRepo
let api: FakeApi

beforeEach(() => {
  repo = createFakeConfigRepo(null)
  api = createFakeApi(Date.now)
})

function tools(
  through: FakeApi = api,
  services = ['order', 'payment'],
  system = 'shop',
  list: () => Promise<Application[]> = async () => [],
) {
  return createGitopsTools({
    ...{ system, env: 'local', services, namespace: 'shop', argoNamespace: 'argocd' },
    ...{ url: 'http://git/config.git', branch: 'main', repo, api: through },
    applications: { list },
    ...{ observer: { pointer: async () => null }, signal: new AbortController().signal },
    commits: createCommits(repo, 'local', { ...operator, progress: createFakeProgress() }),
  })
}

const names = [
  'shop.local.services',
  'shop.local.order-blue',
  'shop.local.order-green',
  'shop.local.payment-blue',
  'shop.local.payment-green',
]
const subjects = () => repo.history().map(({ message }) => message.split('\n', 1)[0])

describe('the first time', () => {
  it('makes folders without slots in an empty repository, and one Application for each', async () => {
    const done = await tools().init()
    expect(done).toEqual({
      ...{
        commit: repo.head().commit,
        file: 'local/argocd.yaml',
        applied: true,
        applications: names,
      },
    })
    expect(stateOf(treeOf(repo.head().files))).toEqual({
      slots: {
        order: { blue: 'removed', green: 'removed' },
        payment: { blue: 'removed', green: 'removed' },
      },
      services: {},
    })
    const made = [...api.objects.keys()].map((path) => path.split('/').slice(-2).join(' '))
    expect(made.sort()).toEqual(
      ['appprojects shop.local', ...names.map((name) => `applications ${name}`)].sort(),
    )
    const text = String(repo.head().files.get('local/argocd.yaml'))
    for (const name of names) expect(text).toContain(`name: ${name}\n`)
  })

  it('leaves the Applications to others if this user may not write them', async () => {
    const denying = {
      ...api,
      apply: () => Promise.reject(refused({ code: 'not-allowed', message: 'no' })),
    }
    expect(await tools(denying).init()).toMatchObject({ applied: false, applications: names })
    expect(repo.head().files.has('local/argocd.yaml')).toBe(true)
  })

  it('fails with any other error', async () => {
    const failing = { ...api, apply: () => Promise.reject(new Error('no answer')) }
    await expect(tools(failing).init()).rejects.toThrow('no answer')
  })
})

describe('a second time', () => {
  it('makes no commit', async () => {
    const { commit } = await tools().init()
    expect(await tools().init()).toMatchObject({ commit, applied: true })
    expect(subjects()).toHaveLength(2)
  })

  it.each<[string, string]>([
    ['local/argocd.yaml', 'kind: Nothing\n'],
    ['local/argocd.yaml', ''],
    ['local/argocd.yaml', 'a: [\n'],
    ['local/argocd.yaml', 'metadata: { labels: none }\n---\n- *none\n'],
  ])('puts back what is not as it should be: %s', async (path, text) => {
    await tools().init()
    const before = repo.head().files
    repo.someone({ [path]: text })
    await tools().init()
    expect(repo.head().files).toEqual(before)
  })

  it('adds a service, and leaves what is there', async () => {
    await tools(api, ['order']).init()
    const before = repo.head().files
    await tools().init()
    const after = repo.head().files
    for (const [path, text] of before)
      if (path !== 'local/argocd.yaml') expect(after.get(path)).toBe(text)
    expect([...after.keys()].filter((path) => path.startsWith('local/payment/'))).toHaveLength(4)
  })
})

describe('an emergency', () => {
  const metadata = { name: 'shop.local.services', annotations: { 'shopctl.dev/emergency': 'r-9' } }
  const inEmergency = () =>
    tools(api, ['order', 'payment'], 'shop', async () => [applicationOf({ metadata })])

  it('is not ended: Argo CD would carry out what git says of the Services', async () => {
    await tools().init()
    const { commit } = repo.head()
    const before = new Map(api.objects)
    await expect(inEmergency().init()).rejects.toMatchObject({
      ...{ kind: 'refused', code: 'emergency', message: expect.stringContaining('r-9') },
      hint: expect.stringContaining('`shopctl rollback`'),
    })
    expect(repo.head().commit).toBe(commit)
    expect(api.objects).toEqual(before)
  })

  it('is no time to advise it', async () => {
    const problems = (await inEmergency().status()).problems.join('\n')
    expect(problems).toContain('has no Application shop.local.order-blue')
    expect(problems).not.toContain('gitops init')
  })

  it('is not looked for by a user who may not see the Applications', async () => {
    const denied = refused({ code: 'not-allowed', message: 'no' })
    const blind = tools(api, ['order'], 'shop', () => Promise.reject(denied))
    expect(await blind.init()).toMatchObject({ applied: true })
  })
})

describe('a second system in one Argo CD', () => {
  it('has other Applications, another project and labels of its own', async () => {
    await tools().init()
    const ours = new Map(api.objects)
    repo = createFakeConfigRepo(null)
    await tools(api, ['order', 'payment'], 'bank').init()
    expect(api.objects.size).toBe(2 * ours.size)
    for (const [path, object] of ours) expect(api.objects.get(path)).toEqual(object)
    const labels = [...api.objects.values()].map(({ metadata }) => metadata?.labels)
    expect(new Set(labels.map((each) => JSON.stringify(each)))).toEqual(
      new Set(
        ['shop', 'bank'].map((system) =>
          JSON.stringify({ 'shopctl.dev/system': system, 'shopctl.dev/environment': 'local' }),
        ),
      ),
    )
  })

  it('cannot have the same folder of one config repo', async () => {
    await tools().init()
    const { commit } = repo.head()
    const before = new Map(api.objects)
    await expect(tools(api, ['order', 'payment'], 'bank').init()).rejects.toMatchObject({
      ...{ kind: 'refused', code: 'folder-taken' },
      message: expect.stringMatching(/local.*belongs to shop, not to bank/),
      hint: expect.stringContaining('shopctl.yaml'),
    })
    expect(repo.head().commit).toBe(commit)
    expect(api.objects).toEqual(before)
  })
})

it('two at once both succeed, with one commit', async () => {
  const [one, two] = await Promise.all([tools().init(), tools().init()])
  expect(one.commit).toBe(two.commit)
  expect(subjects()).toHaveLength(2)
})

it('a service has no place under a reserved name', async () => {
  await expect(tools(api, ['services']).init()).rejects.toMatchObject({ code: 'reserved-name' })
})

describe('the log', () => {
  it('names who wrote a commit of this environment, newest first', async () => {
    await tools().init()
    repo.someone({ 'prod/x.yaml': 'x' })
    repo.someone(
      { 'local/order/blue/values.yaml': '# \u001b[31mred\n' },
      'Fix \u001b[31mit\n\nNow.\n',
    )
    const { commits, cutAt } = await tools().log(9)
    const [newest, oldest, ...others] = commits
    expect(newest).toMatchObject({
      author: 'Jane <jane@example.com>',
      note: null,
      commit: repo.head().commit,
    })
    expect(newest?.subject).not.toContain('\u001b')
    expect(oldest).toMatchObject({
      subject: expect.stringMatching(/^init/),
      note: { operation: 'init', by: 'me@here' },
    })
    expect(others).toEqual([])
    expect(cutAt).toBeNull()
    expect((await tools().log(1)).commits).toHaveLength(1)
  })
})
