// The environment `gitops` as its tests use it: shopctl, and Argo CD's Applications.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { expect } from 'vitest'
import { cloneRepo, env, type Repo, type Selected } from './config-repo.ts'
import { platform } from './observability.ts'
import {
  kubectl,
  kubectlOk,
  namespace,
  platformEnv,
  releaseHolds,
  type Status,
  shopctlOk,
  status,
  testIn,
  until,
} from './shop.ts'

export const inArgocd = '--namespace=argocd'

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

/** Notes each value that the fields of an object have, in order: the API server tells of every write. */
export async function watchFields(
  what: readonly string[],
  fields: string,
): Promise<{ seen: readonly string[]; stop(): Promise<readonly string[]> }> {
  const args = ['get', ...what, '--watch']
  const output = `--output=jsonpath=${fields}{"\\n"}`
  const child = spawn('kubectl', [`--namespace=${namespace}`, ...args, output], {
    env: { ...process.env, ...(await platformEnv()) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const seen: string[] = []
  createInterface({ input: child.stdout }).on('line', (value) => {
    if (value !== seen.at(-1)) seen.push(value)
  })
  const ended = once(child, 'close')
  await until('the watch has begun', () => seen.length > 0)
  return {
    seen,
    async stop() {
      expect(child.exitCode, 'a watch that is still there').toBeNull()
      child.kill()
      await ended
      return seen
    },
  }
}

/** Each color that order's Service selects. */
export const watchOrder = () =>
  watchFields(['service', 'order'], String.raw`{.spec.selector.shopctl\.dev/color}`)

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

/** Switches order, and rolls back, so often. Its standby has to be tested, and may be switched to afterwards. */
export async function toAndFro(repo: Repo, times: number): Promise<void> {
  for (let n = 0; n < times; n++) {
    await shopctlOk(['switch', '--service', 'order'])
    await expectAtRest(repo)
    await shopctlOk(['rollback'])
    await expectAtRest(repo)
    await releaseHolds()
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

/** The tests of this file are about the environment `gitops`. */
function inGitops(): void {
  // As charts/values/gitops/order.yaml says.
  testIn(env, { namespace: 'shop-gitops', edgeUrl: 'http://127.0.0.1:32080' })
}

/** Removes the shop, and what git says of it. */
export async function removeGitops(): Promise<void> {
  inGitops()
  const kinds = 'applications.argoproj.io,appprojects.argoproj.io'
  const selector = `--selector=shopctl.dev/environment=${env}`
  await kubectlOk('delete', kinds, selector, inArgocd, '--timeout=60s')
  // Argo CD would have done this at the end of a sync that ran.
  const jobs = (await kubectlOk('get', 'jobs', '--output=name')).split('\n').filter(Boolean)
  const free = '--patch={"metadata":{"finalizers":null}}'
  if (jobs.length > 0) await kubectl('patch', ...jobs, '--type=merge', free)
  await kubectlOk('delete', 'namespace', namespace, '--ignore-not-found', '--timeout=120s')
  await emptyRepo()
}

/** Begins with nothing in this environment. Argo CD has to be there. */
export async function freshGitops(): Promise<void> {
  await removeGitops()
  // Its rights in the namespace are gone, too.
  await platform('up', '--with', 'gitops')
}

/** What an earlier file left is used again: a release takes a minute. */
export async function ensureGitops(): Promise<void> {
  inGitops()
  const { services, operation } = await status()
  const isLive = Object.values(services).every(({ active }) => active !== null)
  if (isLive && operation === null) return releaseHolds()
  await freshGitops()
  await shopctlOk(['gitops', 'init'])
  await shopctlOk(['release'])
}
