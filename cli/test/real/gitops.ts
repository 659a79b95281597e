// The environment `gitops` as its tests use it: shopctl, the config repo, and Argo CD's Applications.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'vitest'
import { parse } from 'yaml'
import { createShell } from '../../src/adapters/shell.ts'
import type { PlatformStatus } from '../../src/platform/platform.ts'
import { platform } from './observability.ts'
import {
  kubectl,
  kubectlOk,
  namespace,
  platformEnv,
  type Status,
  shopctlOk,
  status,
  testIn,
  until,
} from './shop.ts'

const shell = createShell()
export const env = 'gitops'
export const inArgocd = '--namespace=argocd'

interface Selected {
  color: string
  revision: string
}

export interface Repo {
  folder: string
  git(...args: string[]): Promise<string>
  /** Fetches the branch, changes a file, and pushes it as somebody else. Returns the commit. */
  edit(file: string, change: (text: string) => string): Promise<string>
  /** Writes a file that is none of shopctl's, or deletes it, and pushes it. Others may push meanwhile. */
  commit(file: string, text: string | null): Promise<void>
  /** The selectors of all Services, as the branch says. */
  selectors(): Promise<Record<string, Record<'stable' | 'preview', Selected | null>>>
  remove(): Promise<void>
}

/** The platform's repository, and who may write to it. */
export async function gitLogin(): Promise<{
  url: string
  clusterUrl: string
  user: string
  password: string
}> {
  const { git: place } = JSON.parse(await platform('status', '--json')) as PlatformStatus
  if (!place) throw new Error('the platform has no git repository')
  const { namespace, name } = place.secret
  const secretOf = async (key: string): Promise<string> => {
    const path = `--output=jsonpath={.data.${key}}`
    const text = await kubectlOk('get', 'secret', name, `--namespace=${namespace}`, path)
    return Buffer.from(text, 'base64').toString()
  }
  const [user, password] = [await secretOf('username'), await secretOf('password')]
  const { url, clusterUrl } = place
  return { url, clusterUrl, user, password }
}

/** A clone of the platform's repository. git knows the password from its environment alone. */
export async function cloneRepo(): Promise<Repo> {
  const { url, user, password } = await gitLogin()
  const login = Buffer.from(`${user}:${password}`)
  const variables = {
    ...{ GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_COUNT: '1' },
    GIT_CONFIG_KEY_0: 'http.extraHeader',
    GIT_CONFIG_VALUE_0: `Authorization: Basic ${login.toString('base64')}`,
    ...{ GIT_AUTHOR_NAME: 'Jane', GIT_AUTHOR_EMAIL: 'jane@example.com' },
    ...{ GIT_COMMITTER_NAME: 'Jane', GIT_COMMITTER_EMAIL: 'jane@example.com' },
  }
  const folder = await mkdtemp(join(tmpdir(), 'config-repo-'))
  const git = async (...args: string[]): Promise<string> =>
    (await shell.check({ program: 'git', args: ['-C', folder, ...args], env: variables })).trim()
  await git('init', '--quiet', '--initial-branch=main')
  await git('remote', 'add', 'origin', url)
  const update = async (): Promise<void> => {
    await git('fetch', '--quiet', 'origin', 'main')
    await git('reset', '--quiet', '--hard', 'FETCH_HEAD')
  }
  return {
    folder,
    git,
    async edit(file, change) {
      await update()
      const path = join(folder, file)
      await writeFile(path, change(await readFile(path, 'utf8')))
      await git('commit', '--quiet', '--all', `--message=Change ${file} by hand`)
      await git('push', '--quiet', 'origin', 'HEAD:main')
      return git('rev-parse', 'HEAD')
    },
    async commit(file, text) {
      for (let left = 10; left > 0; left--) {
        await update()
        const path = join(folder, file)
        await mkdir(dirname(path), { recursive: true })
        await (text === null ? rm(path) : writeFile(path, text))
        await git('add', '--all')
        await git('commit', '--quiet', '--allow-empty', `--message=Change ${file} by hand`)
        const pushed = await git('push', '--quiet', 'origin', 'HEAD:main').then(
          () => true,
          () => false,
        )
        if (pushed) return
      }
      throw new Error('others are always faster')
    },
    async selectors() {
      await update()
      const text = await readFile(join(folder, `${env}/services/values.yaml`), 'utf8')
      return parse(text).global.selectors
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

/** Of lines `name=value`. */
function byName(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split('=') as [string, string]),
  )
}

/** `Synced Healthy` or what else, by Application. */
export async function applications(): Promise<Record<string, string>> {
  const fields = '{.metadata.name}={.status.sync.status} {.status.health.status}{"\\n"}'
  const text = await kubectlOk(
    ...['get', 'applications.argoproj.io', inArgocd, `--selector=shopctl.dev/environment=${env}`],
    `--output=jsonpath={range .items[*]}${fields}{end}`,
  )
  return byName(text)
}

/** The color that each stable Service selects in the cluster. */
export async function liveColors(): Promise<Record<string, string>> {
  const fields = String.raw`{.metadata.name}={.spec.selector.shopctl\.dev/color}{"\n"}`
  const text = await kubectlOk(
    ...['get', 'services', '--selector=shopctl.dev/pointer=stable'],
    `--output=jsonpath={range .items[*]}${fields}{end}`,
  )
  return byName(text)
}

/** `blue 0a1b2c3d4e`, by the name of the Service, as the cluster has it. */
async function selectorsInCluster(): Promise<Record<string, string>> {
  const selector = String.raw`{.spec.selector.shopctl\.dev/color} {.spec.selector.shopctl\.dev/revision}`
  const text = await kubectlOk(
    ...['get', 'services', '--selector=shopctl.dev/pointer in (stable, preview)'],
    `--output=jsonpath={range .items[*]}{.metadata.name}=${selector}{"\\n"}{end}`,
  )
  return byName(text)
}

/** The same, as git has it. Of a Service that is to select no pod, both are `none`. */
async function selectorsInGit(repo: Repo): Promise<Record<string, string>> {
  const textOf = (selected: Selected | null): string =>
    `${selected?.color ?? 'none'} ${selected?.revision ?? 'none'}`
  const entries = Object.entries(await repo.selectors()).flatMap(([name, { stable, preview }]) => [
    [name, textOf(stable)],
    [`${name}-preview`, textOf(preview)],
  ])
  return Object.fromEntries(entries)
}

/** The Application of a slot, as `order-blue`, or of the `services`. */
export function applicationOf(what: string): string {
  return `shop.${env}.${what}`
}

/** Argo CD has nothing to do, and git says what the cluster does. */
export async function expectAtRest(repo: Repo): Promise<void> {
  await until(
    'all Applications are synced and healthy',
    async () => Object.values(await applications()).every((each) => each === 'Synced Healthy'),
    20_000,
  ).catch(async (error) => {
    throw new Error(JSON.stringify(await applications(), null, 2), { cause: error })
  })
  expect(await selectorsInGit(repo)).toEqual(await selectorsInCluster())
}

export async function orderNow(): Promise<Status['services'][string] | undefined> {
  return (await status()).services.order
}

export async function activeColor(): Promise<'blue' | 'green'> {
  return (await orderNow())?.active ?? 'blue'
}

/** Notes each color that order's Service selects, in order: the API server tells of every write. */
export async function watchOrder(): Promise<{ stop(): Promise<string[]> }> {
  const fields = String.raw`{.spec.selector.shopctl\.dev/color}{"\n"}`
  const args = ['get', 'service', 'order', '--watch', `--output=jsonpath=${fields}`]
  const child = spawn('kubectl', [`--namespace=${namespace}`, ...args], {
    env: { ...process.env, ...(await platformEnv()) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const seen: string[] = []
  createInterface({ input: child.stdout }).on('line', (color) => {
    if (color !== seen.at(-1)) seen.push(color)
  })
  const ended = once(child, 'close')
  await until('the watch has begun', () => seen.length > 0)
  return {
    async stop() {
      expect(child.exitCode, 'a watch that is still there').toBeNull()
      child.kill()
      await ended
      return seen
    },
  }
}

/** Waits until order is live there, and consumes. */
export async function follow(wanted: 'blue' | 'green'): Promise<void> {
  await until(
    `order is live on ${wanted}`,
    async () => {
      const { active, slots } = (await orderNow()) ?? {}
      return active === wanted && (slots?.[wanted]?.consumers ?? 0) > 0
    },
    20_000,
  )
}

/** Switches order, and rolls back, so often. Its standby has to be tested. */
export async function toAndFro(repo: Repo, times: number): Promise<void> {
  for (let n = 0; n < times; n++) {
    await shopctlOk(['switch', '--service', 'order'])
    await expectAtRest(repo)
    await shopctlOk(['rollback'])
    await expectAtRest(repo)
  }
}

/** Asks Argo CD to look. */
export async function refresh(kind = 'normal', which = applicationOf('services')): Promise<void> {
  const annotation = `argocd.argoproj.io/refresh=${kind}`
  const what = ['applications.argoproj.io', which, inArgocd, '--overwrite']
  await kubectlOk('annotate', ...what, annotation)
}

const hookFile = `${env}/services/templates/slow.yaml`

/** A hook of the Services that takes 12 s, as somebody may have added one. */
export async function addHook(repo: Repo): Promise<void> {
  const color = await activeColor()
  const path = '--output=jsonpath={.spec.template.spec.containers[0].image}'
  const image = await kubectlOk('get', `deployment/order-${color}`, path)
  const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }
  const hook = {
    ...{ apiVersion: 'batch/v1', kind: 'Job' },
    metadata: {
      name: 'slow',
      annotations: {
        'argocd.argoproj.io/hook': 'PreSync',
        'argocd.argoproj.io/hook-delete-policy': 'BeforeHookCreation',
      },
    },
    spec: {
      template: {
        spec: {
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 0,
          securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [{ name: 'slow', image, command: ['sleep', '12'], securityContext }],
        },
      },
    },
  }
  await repo.commit(hookFile, JSON.stringify(hook))
  await refresh()
}

export async function removeHook(repo: Repo): Promise<void> {
  await repo.commit(hookFile, null)
  await refresh()
}

/** Starts a sync of the commit that Argo CD knows, as somebody may by hand. Its hook runs when this returns. */
export async function startSync(): Promise<void> {
  const which = ['applications.argoproj.io', applicationOf('services'), inArgocd]
  const phase = async () =>
    kubectlOk('get', ...which, '--output=jsonpath={.status.operationState.phase}')
  await until('no sync runs', async () => (await phase()) !== 'Running')
  const operation = { operation: { initiatedBy: { username: 'jane' }, sync: {} } }
  await kubectlOk('patch', ...which, '--type=merge', `--patch=${JSON.stringify(operation)}`)
  await until('the sync runs', async () => (await phase()) === 'Running', 10_000)
}

/** Whether Argo CD was there before: then it is the user's, and stays. */
let isUsers = true

/** What git says of this environment would be carried out again. */
async function emptyRepo(): Promise<void> {
  const repo = await cloneRepo()
  try {
    const heads = await repo.git('ls-remote', '--heads', 'origin', 'main')
    if (heads === '') return
    await repo.git('fetch', '--quiet', 'origin', 'main')
    await repo.git('reset', '--quiet', '--hard', 'FETCH_HEAD')
    await repo.git('rm', '-r', '--quiet', '--ignore-unmatch', env)
    await repo.git('commit', '--quiet', '--allow-empty', '--message=Begin again')
    await repo.git('push', '--quiet', 'origin', 'HEAD:main')
  } finally {
    await repo.remove()
  }
}

async function removeShop(): Promise<void> {
  const kinds = 'applications.argoproj.io,appprojects.argoproj.io'
  const selector = `--selector=shopctl.dev/environment=${env}`
  await kubectlOk('delete', kinds, selector, inArgocd, '--timeout=60s')
  // Argo CD would have done this at the end of a sync that ran.
  const jobs = (await kubectlOk('get', 'jobs', '--output=name')).split('\n').filter(Boolean)
  const free = '--patch={"metadata":{"finalizers":null}}'
  if (jobs.length > 0) await kubectl('patch', ...jobs, '--type=merge', free)
  await kubectlOk('delete', 'namespace', namespace, '--ignore-not-found', '--timeout=120s')
}

/** The next tests need the processors. */
export async function removeGitops(): Promise<void> {
  await removeShop()
  await emptyRepo()
  if (!isUsers) await platform('up', '--without', 'gitops')
}

/** Adds Argo CD, and begins with nothing in this environment. */
export async function freshGitops(): Promise<void> {
  const before = JSON.parse(await platform('status', '--json')) as PlatformStatus
  isUsers = before.with.includes('gitops')
  // As charts/values/gitops/order.yaml says.
  testIn(env, { namespace: 'shop-gitops', edgeUrl: 'http://127.0.0.1:32080' })
  await platform('up', '--with', 'gitops')
  await removeShop()
  // Its rights in the namespace are gone, too.
  await platform('up', '--with', 'gitops')
  await emptyRepo()
}
