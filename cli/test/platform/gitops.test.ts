// `platform up --with gitops` and its removal: what is run, and what the chart gives Argo CD.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { releasedKinds } from '../../src/drivers/gitops/kinds.ts'
import { createGitops, gitopsItems, gitRepository } from '../../src/platform/gitops.ts'
import { embeddedFolder, gitNodePort, type Layout, layoutOf } from '../../src/platform/layout.ts'
import { clientsItem } from '../../src/platform/npm.ts'
import { createPlatform } from '../../src/platform/platform.ts'
import { type Item, storedAt } from '../../src/platform/store.ts'
import { type KubernetesObject, pick, render } from '../charts/helm.ts'
import { createFakeProgress } from '../fakes/host.ts'
import { linesOf, type Recorded, recordingShell } from './recorded.ts'

const environments = [
  { name: 'local', namespace: 'shop' },
  { name: 'test', namespace: 'shop-test' },
]

let folder: string
let layout: Layout
let items: Item[]
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gitops-'))
  layout = layoutOf(folder)
  items = await gitopsItems(recordingShell(layout).shell, layout)
})
afterEach(() => rmSync(folder, { recursive: true }))

/** What a helm without a locked release prints. */
const free = { list: '' }

function gitopsWith(recorded: Recorded = { answers: free }) {
  const { ran, shell } = recordingShell(layout, recorded)
  const gitops = createGitops({ shell, layout, docker: 'docker' }, releasedKinds)
  return { gitops, lines: () => linesOf(ran), ran }
}

describe('the part', () => {
  it('is installed: the image, the namespaces, the definitions, the release', async () => {
    const { gitops, lines, ran } = gitopsWith()
    await gitops.install(environments, items)
    const [argocd, gitServer] = items.map((item) => storedAt(layout, item))
    const clients = storedAt(layout, clientsItem(recordingShell(layout).shell, layout))
    const [built, pushed, ...rest] = lines()
    const [, image] =
      /--tag=127\.0\.0\.1:5000\/(shopctl\/gitops:[0-9a-f]{12}) /.exec(built ?? '') ?? []
    expect(built).toBe(
      `docker buildx build --builder=default --quiet --tag=127.0.0.1:5000/${image}` +
        ` --build-context=folder-0=${argocd} --build-context=folder-1=${gitServer}` +
        ` --build-context=folder-2=${clients} -`,
    )
    expect(
      String(ran[0]?.input)
        .replace(/made-\w+/, 'made')
        .split('\n'),
    ).toEqual([
      'FROM 127.0.0.1:5000/shopctl/gitops-base:made',
      'COPY --from=folder-0 argocd /usr/local/bin/',
      'COPY --from=folder-1 git-server /usr/local/bin/',
      'COPY --from=folder-2 helm/helm /usr/local/bin/',
    ])
    expect(pushed).toBe(`docker push --quiet 127.0.0.1:5000/${image}`)
    const kubeconfig = `--kubeconfig=${layout.kubeconfig}`
    expect(rest).toEqual([
      `kubectl ${kubeconfig} apply --server-side --force-conflicts --filename=-`,
      `kubectl ${kubeconfig} apply --server-side --force-conflicts --filename=${argocd}/application-crd.yaml --filename=${argocd}/appproject-crd.yaml`,
      `helm list --pending --short ${kubeconfig} --namespace=argocd`,
      [
        `helm upgrade --install gitops ${join(embeddedFolder(), 'gitops/chart')} --force-conflicts`,
        `--set-string=image=docker.io/${image} --set=git.nodePort=30082`,
        `--set-json=environments=${JSON.stringify(environments)}`,
        `--set-json=kinds=${JSON.stringify(releasedKinds)}`,
        `${kubeconfig} --namespace=argocd`,
      ].join(' '),
      `kubectl ${kubeconfig} --namespace=argocd rollout status statefulset,deployment,daemonset --timeout=120s`,
    ])
    const objects = String(ran[2]?.input)
      .split('---\n')
      .map((text) => JSON.parse(text))
    expect(objects.map(({ metadata }) => metadata)).toEqual([
      { name: 'argocd', labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
      { name: 'shop' },
      { name: 'shop-test' },
    ])
  })

  it('gets another image for another program, and no second one for the same', async () => {
    const imageOf = async (given: Item[]) => {
      const { gitops, lines } = gitopsWith()
      await gitops.install([], given)
      const [, tag] = /image=docker\.io\/shopctl\/gitops:(\w+)/.exec(lines().join()) ?? []
      return { tag, built: lines().some((line) => line.startsWith('docker')) }
    }
    const first = await imageOf(items)
    expect(await imageOf(items)).toEqual({ tag: first.tag, built: false })
    const changed = items.map((item) => ({ ...item, inputs: [...item.inputs, 'changed'] }))
    const second = await imageOf(changed)
    expect(second.built).toBe(true)
    expect(second.tag).not.toBe(first.tag)
  })

  it('is removed with its objects, whose finalizers nobody would serve any more', async () => {
    await gitopsWith().gitops.install(environments, items)
    const kinds = 'applications.argoproj.io appprojects.argoproj.io'
    const { gitops, lines } = gitopsWith({
      answers: {
        ...free,
        'get crd': 'customresourcedefinition/applications.argoproj.io',
        'get applications.argoproj.io': 'application.argoproj.io/a\napplication.argoproj.io/b',
      },
    })
    await gitops.remove()
    const kubectl = `kubectl --kubeconfig=${layout.kubeconfig}`
    const patch = '--namespace=argocd --type=merge --patch={"metadata":{"finalizers":null}}'
    expect(lines().slice(1)).toEqual([
      `${kubectl} get crd ${kinds} --ignore-not-found --output=name`,
      `${kubectl} get applications.argoproj.io --namespace=argocd --output=name`,
      `${kubectl} patch application.argoproj.io/a ${patch}`,
      `${kubectl} patch application.argoproj.io/b ${patch}`,
      `${kubectl} delete crd ${kinds} --ignore-not-found`,
      `${kubectl} delete namespace argocd --ignore-not-found`,
    ])
    expect(lines()[0]).toMatch(/^helm uninstall gitops --ignore-not-found --wait /)
    expect(gitops.installed()).toBe(false)
  })

  it('is removed where it was not installed', async () => {
    const { gitops, lines } = gitopsWith({ answers: { ...free, 'get crd': '' } })
    await gitops.remove()
    expect(lines().join()).not.toContain('patch')
  })

  it.each(['uninstall', 'crd', 'namespace'])('stays installed until %s is done', async (fails) => {
    await gitopsWith().gitops.install([], items)
    const { gitops } = gitopsWith({ fails, answers: free })
    await expect(gitops.remove()).rejects.toThrow(`${fails} failed`)
    expect(gitops.installed()).toBe(true)
  })
})

it('a stopped platform knows that it was added, and not where its repository is', async () => {
  await gitopsWith().gitops.install([], items)
  const platform = createPlatform({
    ...{ shell: recordingShell(layout).shell, progress: createFakeProgress(), cacheDir: folder },
    ...{ now: () => 0, observabilityChart: () => '', releasedKinds },
  })
  expect(await platform.status()).toMatchObject({ running: false, with: ['gitops'], git: null })
})

interface Rule {
  apiGroups: string[]
  resources: string[]
  verbs: string[]
}

describe('the chart', () => {
  let objects: KubernetesObject[]
  beforeEach(async () => {
    const values = { image: 'docker.io/shopctl/gitops:1', environments, kinds: releasedKinds }
    objects = await render({
      ...{ chart: '../cli/embedded/gitops/chart', release: 'gitops', namespace: 'argocd' },
      values: { ...values, git: { nodePort: gitNodePort } },
    })
  })
  const dataOf = (kind: string, name: string) => {
    const { data, stringData } = pick(objects, kind, name)
    return (data ?? stringData) as Record<string, string>
  }

  it('has the repository where `platform status` says', () => {
    const { secret, clusterUrl, url } = gitRepository
    expect(secret.namespace).toBe('argocd')
    expect(dataOf('Secret', secret.name)).toMatchObject({
      ...{ type: 'git', url: clusterUrl, username: 'shopctl' },
      password: expect.stringMatching(/^\w{40}$/),
    })
    const { spec } = pick(objects, 'Service', 'git')
    const { port } = new URL(url)
    expect(spec).toMatchObject({ type: 'NodePort', ports: [{ port: 80, nodePort: Number(port) }] })
  })

  it('lets Argo CD into the namespaces of the environments alone', () => {
    expect(dataOf('Secret', 'cluster')).toMatchObject({
      ...{ server: 'https://kubernetes.default.svc', clusterResources: 'false' },
      namespaces: 'shop,shop-test',
    })
    const bindings = objects.filter(({ kind }) => kind === 'RoleBinding')
    expect(bindings.map(({ metadata }) => metadata)).toMatchObject([
      {},
      { namespace: 'shop' },
      { namespace: 'shop-test' },
    ])
    expect(objects.filter(({ kind }) => kind.startsWith('Cluster'))).toEqual([])
  })

  it('gives it rights for just the kinds that it knows, and none for Secrets', () => {
    const [, role] = objects.filter(({ kind }) => kind === 'Role')
    const groupsOf = (key: 'kinds' | 'resources', list: object[]) =>
      (list as (Rule & { kinds: string[] })[]).map((each) => [each.apiGroups, each[key].length])
    const rules = ((role?.rules ?? []) as Rule[]).filter(
      ({ resources }) => resources[0] !== 'namespaces',
    )
    const known = parse(dataOf('ConfigMap', 'argocd-cm')['resource.inclusions'] ?? '') as Rule[]
    expect(groupsOf('resources', rules)).toEqual(groupsOf('kinds', known))
    expect(rules.flatMap(({ resources }) => resources)).not.toContain('secrets')
    expect(rules.flatMap(({ verbs }) => verbs)).not.toContain('*')
  })
})
