// The running cluster: applies the objects of every cluster, and waits for the node and the pods after a restart.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Shell } from '../adapters/shell.ts'
import { failed } from '../errors.ts'
import { embeddedFolder, type Layout, node } from './layout.ts'

interface Condition {
  type: string
  status: string
  lastHeartbeatTime?: string
}

export interface NodeObject {
  status?: { conditions?: Condition[] }
}

export interface PodObject {
  metadata: { namespace: string; name: string }
  status?: {
    phase?: string
    conditions?: Condition[]
    containerStatuses?: { state?: { running?: { startedAt?: string } } }[]
  }
}

function isTrue(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type && condition.status === 'True')
}

/** Whether the current kubelet reports it as ready. `since` is the kubelet's start in seconds since 1970. */
export function isNodeReady(object: NodeObject, since: number): boolean {
  const ready = isTrue(object.status?.conditions, 'Ready')
  return ready !== undefined && Date.parse(ready.lastHeartbeatTime ?? '') / 1000 >= since
}

/** Pods that are still Ready in the API server, but whose containers ran before the restart. */
export function outdatedPods(pods: readonly PodObject[], since: number): PodObject[] {
  return pods.filter(({ status }) => {
    if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return false
    if (!isTrue(status?.conditions, 'Ready')) return false
    const starts = (status?.containerStatuses ?? []).map(
      ({ state }) => state?.running?.startedAt ?? '',
    )
    return starts.some((start) => Date.parse(start) / 1000 < since)
  })
}

export interface Cluster {
  /** Applies the objects of every cluster: storage class, roles. */
  applyManifests(): Promise<void>
  /** Waits until the kubelet that was started at `since` reports the node as ready. */
  awaitNode(since: number): Promise<void>
  /** Waits until no pod is Ready only because of its state before the restart. */
  awaitPods(since: number): Promise<void>
}

const patienceMs = 90_000

/** `now` is a clock in milliseconds. */
export function createCluster(deps: {
  shell: Shell
  layout: Layout
  kubectl: string
  now: () => number
}): Cluster {
  const { shell, layout, kubectl, now } = deps
  const common = [
    // The administrator's rights are among the objects to apply, so that certificate cannot be used yet.
    `--kubeconfig=${join(layout.pki, 'super-admin.conf')}`,
    `--cache-dir=${join(layout.home, 'kubectl')}`,
  ]
  const run = (args: readonly string[]): Promise<string> =>
    shell.check({
      program: kubectl,
      args: [...common, ...args],
    })

  const until = async (what: string, done: () => Promise<boolean>): Promise<void> => {
    const deadline = now() + patienceMs
    while (!(await done())) {
      if (now() > deadline) {
        throw failed({
          code: 'cluster-not-ready',
          message: `${what} after ${patienceMs / 1000} s.`,
          hint: 'Run `shopctl platform logs kubelet`.',
        })
      }
      await sleep(200)
    }
  }
  const get = async (...args: string[]): Promise<string> =>
    run(['get', ...args, '--output=json']).catch(() => '{}')

  return {
    async applyManifests() {
      const file = join(embeddedFolder(), 'manifests/cluster.yaml')
      await run(['apply', '--server-side', '--force-conflicts', `--filename=${file}`])
    },
    awaitNode: (since) =>
      until('The node is not ready', async () =>
        isNodeReady(JSON.parse(await get('node', node)), since),
      ),
    awaitPods: (since) =>
      until('Pods of an earlier run are still shown as ready', async () => {
        const { items = [] }: { items?: PodObject[] } = JSON.parse(
          await get('pods', '--all-namespaces'),
        )
        return outdatedPods(items, since).length === 0
      }),
  }
}
