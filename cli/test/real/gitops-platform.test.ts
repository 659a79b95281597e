// `platform up --with gitops` on the real cluster: its git repository, and Argo CD, which releases a small chart from it.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createShell } from '../../src/adapters/shell.ts'
import type { PlatformStatus } from '../../src/platform/platform.ts'
import { platform } from './observability.ts'
import { kubectl, kubectlOk, namespace, platformEnv, until } from './shop.ts'

const shell = createShell()
const name = 'gitops-test'
const part = 'gitops'
/** Whether the part was there before: then it is the user's, and stays. */
let isUsers: boolean
let status: PlatformStatus
let work: string
let authorization: string

const statusNow = async () => JSON.parse(await platform('status', '--json')) as PlatformStatus
const inArgocd = '--namespace=argocd'

/** Of the Secret of the repository. */
async function secretOf(key: string): Promise<string> {
  const { namespace: where, name: secret } = status.git?.secret ?? { namespace: '', name: '' }
  const args = ['get', 'secret', secret, `--namespace=${where}`, `--output=jsonpath={.data.${key}}`]
  return Buffer.from(await kubectlOk(...args), 'base64').toString()
}

beforeAll(async () => {
  isUsers = (await statusNow()).with.includes(part)
  await platform('up', '--with', part)
  const again = Date.now()
  await platform('up', '--with', part)
  console.info(`up --with ${part} again: ${Date.now() - again} ms`)
  status = await statusNow()
  const user = `${await secretOf('username')}:${await secretOf('password')}`
  authorization = `Authorization: Basic ${Buffer.from(user).toString('base64')}`
  work = await mkdtemp(join(tmpdir(), 'gitops-'))
  await git('init', '--quiet', `--initial-branch=${name}`)
  await git('remote', 'add', 'origin', status.git?.url ?? '')
}, 600_000)

afterAll(async () => {
  // One after the other: an Application without its project is never deleted.
  for (const kind of ['applications.argoproj.io', 'appprojects.argoproj.io'])
    await kubectl('delete', kind, name, inArgocd, '--ignore-not-found', '--timeout=60s')
  await git('push', '--quiet', 'origin', '--delete', name).catch(() => '')
  await rm(work, { recursive: true, force: true })
  if (!isUsers) await platform('up', '--without', part)
}, 180_000)

/** git, which knows the password from its environment alone. */
async function git(...args: string[]): Promise<string> {
  const env = {
    ...{ GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_COUNT: '1' },
    ...{ GIT_CONFIG_KEY_0: 'http.extraHeader', GIT_CONFIG_VALUE_0: authorization },
  }
  return (await shell.check({ program: 'git', args: ['-C', work, ...args], env })).trim()
}

const chart = `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, annotations: { text: {{ .Values.text }} } }
spec:
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: RuntimeDefault } }
      containers:
        - name: pause
          image: registry.k8s.io/pause:3.10
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: ${name} }
rules: [{ apiGroups: [""], resources: [services], verbs: [get, list, watch] }]
`

/** Pushes the chart with this text, and returns the commit. */
async function push(text: string): Promise<string> {
  await mkdir(join(work, 'chart/templates'), { recursive: true })
  await writeFile(join(work, 'chart/Chart.yaml'), 'apiVersion: v2\nname: tiny\nversion: 1.0.0\n')
  await writeFile(join(work, 'chart/values.yaml'), `text: ${text}\n`)
  await writeFile(join(work, 'chart/templates/all.yaml'), chart)
  await git('add', '.')
  const author = ['-c', 'user.name=a', '-c', 'user.email=a@b.test']
  await git(...author, 'commit', '--quiet', `--message=${text}`)
  await git('push', '--quiet', 'origin', name)
  return git('rev-parse', 'HEAD')
}

function application(): string {
  const server = 'https://kubernetes.default.svc'
  const repoURL = status.git?.clusterUrl
  const metadata = { name, namespace: 'argocd' }
  const project = {
    ...{ apiVersion: 'argoproj.io/v1alpha1', kind: 'AppProject', metadata },
    spec: {
      ...{ sourceRepos: [repoURL], destinations: [{ server, namespace }] },
      namespaceResourceWhitelist: [{ group: '*', kind: '*' }],
    },
  }
  const finalizers = ['resources-finalizer.argocd.argoproj.io']
  const app = {
    ...{ apiVersion: 'argoproj.io/v1alpha1', kind: 'Application' },
    metadata: { ...metadata, finalizers },
    spec: {
      ...{ project: name, destination: { server, namespace } },
      source: { repoURL, targetRevision: name, path: 'chart' },
      syncPolicy: { automated: { selfHeal: true } },
    },
  }
  return [project, app].map((each) => JSON.stringify(each)).join('\n---\n')
}

const fields = [
  '{.status.sync.status} {.status.health.status} {.status.operationState.phase}',
  '{.status.operationState.syncResult.revision}',
].join(' ')

/** Waits until Argo CD has released the commit, and says how long that took. */
async function released(commit: string, since: number): Promise<void> {
  const get = ['get', 'applications.argoproj.io', name, inArgocd, `--output=jsonpath=${fields}`]
  await until(
    `Argo CD has released ${commit}`,
    async () => (await kubectlOk(...get)) === `Synced Healthy Succeeded ${commit}`,
    45_000,
  )
  console.info(`released after ${Date.now() - since} ms`)
}

it('is there, with the definitions of its objects', async () => {
  expect(status.with).toContain(part)
  const crds = ['applications.argoproj.io', 'appprojects.argoproj.io']
  await kubectlOk('wait', '--for=condition=Established', ...crds.map((crd) => `crd/${crd}`))
  const kinds = 'statefulset,deployment'
  const ready = '--output=jsonpath={range .items[*]}{.metadata.name}={.status.readyReplicas} {end}'
  const pods = (await kubectlOk('get', kinds, inArgocd, ready)).trim().split(' ').sort()
  expect(pods).toEqual([
    'argocd-application-controller=1',
    'argocd-redis=1',
    'argocd-repo-server=1',
    'git=1',
  ])
})

it('releases what is pushed, within seconds of a refresh', async () => {
  const first = await push('one')
  const applied = Date.now()
  const apply = ['-c', 'exec kubectl apply --server-side --filename=-']
  const env = await platformEnv()
  await shell.check({ program: 'sh', args: apply, env, input: application() })
  await released(first, applied)

  const second = await push('two')
  const refreshed = Date.now()
  const refresh = 'argocd.argoproj.io/refresh=normal'
  const what = ['annotate', 'applications.argoproj.io', name, refresh, '--overwrite', inArgocd]
  await kubectlOk(...what)
  await released(second, refreshed)
  const text = ['get', 'deployment', name, '--output=jsonpath={.metadata.annotations.text}']
  expect(await kubectlOk(...text)).toBe('two')
}, 120_000)

it('puts back what was deleted by hand', async () => {
  await kubectlOk('delete', 'role', name)
  const found = async () => (await kubectl('get', 'role', name)).exitCode === 0
  await until('it is there again', found, 20_000)
})
