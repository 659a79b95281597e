// Whether the pods of a live slot are well: ready, without restarts, and with their consumers. Pure.
import type { PodReport, PodState } from '../ports/cluster.ts'

/** Restarts of the containers of a slot that are a breach. */
const mostRestarts = 2

/** Times are seconds. */
export interface PodMemory {
  /** Restarts of each pod when the watch began. Other pods begin with 0. */
  restarts: ReadonlyMap<string, number>
  /** Pods that have been ready. */
  ready: ReadonlySet<string>
  /** Since when a pod that was ready is not. */
  unready: ReadonlyMap<string, number>
  /** Since when a live pod does not consume. */
  idle: ReadonlyMap<string, number>
  /** Since when no pod is ready. */
  down: number | null
}

export interface PodLook {
  at: number
  pods: readonly PodState[]
  /** What pods say of their consumers. Without an entry: nobody knows. */
  reports: Readonly<Record<string, PodReport | null>>
}

/** A pod that an autoscaler has just made may take long to become ready: only one that was ready can get worse. */
export function beginPods(pods: readonly PodState[]): PodMemory {
  return {
    restarts: new Map(pods.map((pod) => [pod.name, restartsOf(pod)])),
    ready: new Set(namesOfReady(pods)),
    unready: new Map(),
    idle: new Map(),
    down: null,
  }
}

function namesOfReady(pods: readonly PodState[]): string[] {
  return pods.filter(({ ready }) => ready).map(({ name }) => name)
}

export function rememberPods(memory: PodMemory, { at, pods, reports }: PodLook): PodMemory {
  const since = (before: ReadonlyMap<string, number>, is: (pod: PodState) => boolean) =>
    new Map(pods.filter(is).map(({ name }) => [name, before.get(name) ?? at]))
  const isReady = pods.some(({ ready }) => ready)
  return {
    restarts: memory.restarts,
    ready: new Set([...memory.ready, ...namesOfReady(pods)]),
    unready: since(memory.unready, ({ name, ready }) => !ready && memory.ready.has(name)),
    idle: since(memory.idle, ({ name }) => isIdle(reports[name] ?? null)),
    down: isReady ? null : (memory.down ?? at),
  }
}

/** The consumers belong to pods that know that they are live. */
function isIdle(report: PodReport | null): boolean {
  return report !== null && (report.role !== 'live' || !report.consuming)
}

/** null: they are well. Times in seconds. */
export function podProblem(
  { restarts, unready, idle, down }: PodMemory,
  { at, pods }: PodLook,
  patience: number,
): { what: string; since: number } | null {
  const added = (pod: PodState): number => restartsOf(pod) - (restarts.get(pod.name) ?? 0)
  const killed = pods.find((pod) => added(pod) > 0 && wasOutOfMemory(pod))
  if (killed) return { what: `${killed.name} was killed, out of memory`, since: at }
  const total = pods.reduce((sum, pod) => sum + Math.max(0, added(pod)), 0)
  if (total >= mostRestarts) {
    const names = pods.filter((pod) => added(pod) > 0).map(({ name }) => name)
    return { what: `${total} restarts: ${names.join(', ')}`, since: at }
  }
  if (down !== null && at - down >= patience) return { what: 'no pod is ready', since: down }
  const late = (times: ReadonlyMap<string, number>) =>
    [...times].find(([, since]) => at - since >= patience)
  const [lost, lostSince = at] = late(unready) ?? []
  if (lost) return { what: `${lost} is not ready any more`, since: lostSince }
  const [silent, silentSince = at] = late(idle) ?? []
  return silent ? { what: `${silent} is live and consumes nothing`, since: silentSince } : null
}

function restartsOf({ containers }: PodState): number {
  return containers.reduce((sum, { restarts }) => sum + restarts, 0)
}

function wasOutOfMemory({ containers }: PodState): boolean {
  return containers.some(({ ended }) => ended?.reason === 'OOMKilled')
}
