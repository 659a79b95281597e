// What is asked of the running cluster: that the node and the pods are what they say, and its standing objects.
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

/** Ready, and said so by the kubelet that runs now: `since` is when that was started, in seconds since 1970. */
export function isNodeReady(object: NodeObject, since: number): boolean {
  const ready = isTrue(object.status?.conditions, 'Ready')
  return ready !== undefined && Date.parse(ready.lastHeartbeatTime ?? '') / 1000 >= since
}

/**
 * Pods that the API server still calls ready though their containers belong to an earlier life of the platform: the
 * kubelet has not come to them yet.
 */
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
  /** Creates or updates the objects that every cluster has: storage class, roles. */
  applyManifests(): Promise<void>
  /** Waits until the node is ready, as the kubelet says that was started at `since`. */
  awaitNode(since: number): Promise<void>
  /** Waits until no pod of an earlier life passes for ready. */
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
    // The certificate of the last resort: the administrator's own rights are among the objects to apply.
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
          hint: 'Look at: shopctl platform logs kubelet',
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
