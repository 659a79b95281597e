// Watches a slot take over from another: the Service's endpoints, then the consumers of its pods.
import type { PodReport, Pods, Which } from '../ports/cluster.ts'
import type { Clock } from '../ports/session.ts'
import type { Target } from '../slot.ts'

export interface TakeoverPorts {
  pods: Pods
  clock: Clock
  signal: AbortSignal
}

export interface Takeover {
  endpointsMs: number
  /** null: the pods do not say what they consume. */
  consumersMs: number | null
  /** The one that its consumers opened the gate with; null: nothing consumes, or there is no gate. */
  epoch: number | null
  /** What is missing when the time is up, null when it took over. */
  late: string | null
}

/** Not more often: asking takes processor time away from the pods. */
const pollMs = 100
const outgoingMs = 5_000
const listAgainMs = 2_000

/** Whether the Service leads to these pods alone within the time. They are listed anew: one may be replaced. */
export async function awaitOnly(
  { pods, clock, signal }: TakeoverPorts,
  service: string,
  which: Which,
  list: () => Promise<string[]>,
  { from, timeoutMs, empty }: { from: number; timeoutMs: number; empty: boolean },
): Promise<boolean> {
  const listed = patiently(list, { clock, signal })
  for (;;) {
    const wanted = await listed()
    const left = timeoutMs - (clock.monotonic() - from)
    const only = await pods.awaitEndpoints(
      service,
      which,
      (ready) =>
        ready.every((pod) => wanted.includes(pod)) && (ready.length > 0 || empty) ? true : null,
      { timeoutMs: Math.min(left, listAgainMs), signal },
    )
    if (only) return true
    if (clock.monotonic() - from >= timeoutMs) return false
    await clock.sleep(pollMs, signal)
  }
}

/**
 * Lists anew when the last list is old, for a pod may have been replaced. One that fails is the list of before: a slot
 * is given its time whatever one request says.
 */
function patiently(
  list: () => Promise<string[]>,
  { clock, signal }: Pick<TakeoverPorts, 'clock' | 'signal'>,
): typeof list {
  let last: string[] = []
  let listedAt = Number.NEGATIVE_INFINITY
  return async () => {
    if (clock.monotonic() - listedAt < listAgainMs && last.length > 0) return last
    try {
      last = await list()
      listedAt = clock.monotonic()
    } catch (problem) {
      if (signal.aborted) throw problem
    }
    return last
  }
}

/** `to` null: nothing is to serve, only the endpoints have to go. `from` is a time of `clock.monotonic()`. */
export async function awaitTakeover(
  ports: TakeoverPorts,
  name: string,
  to: Target | null,
  { from, timeoutMs }: { from: number; timeoutMs: number },
): Promise<Takeover> {
  const { pods, clock } = ports
  const elapsed = (): number => Math.round(clock.monotonic() - from)
  const list = patiently(async () => (to ? pods.list(name, to) : []), ports)
  const only = await awaitOnly(ports, name, 'stable', list, { from, timeoutMs, empty: !to })
  const endpointsMs = elapsed()
  const who = `${name} ${to?.color ?? ''}`.trim()
  const unseen = { endpointsMs, consumersMs: null, epoch: null }
  if (!only) {
    const seconds = timeoutMs / 1000
    return { ...unseen, late: `${who}: its Service does not lead to it alone after ${seconds} s` }
  }
  if (!to || !pods.reports(name)) return { ...unseen, late: null }
  return awaitConsumers(ports, name, who, list, { elapsed, timeoutMs, endpointsMs })
}

/** Until every pod of the slot consumes. */
async function awaitConsumers(
  { pods, clock, signal }: TakeoverPorts,
  name: string,
  who: string,
  list: () => Promise<string[]>,
  {
    elapsed,
    timeoutMs,
    endpointsMs,
  }: {
    elapsed: () => number
    timeoutMs: number
    endpointsMs: number
  },
): Promise<Takeover> {
  const done = new Set<string>()
  let epoch: number | null = null
  for (;;) {
    const waiting = (await list()).filter((pod) => !done.has(pod))
    if (waiting.length === 0 && done.size > 0)
      return { endpointsMs, consumersMs: elapsed(), epoch, late: null }
    // The first tells when it is worth asking the others.
    const asked = done.size > 0 ? waiting : waiting.slice(0, 1)
    const reports = await Promise.all(asked.map((pod) => pods.report(name, pod)))
    const taken = asked.filter((_, index) => hasTakenOver(reports[index] ?? null))
    for (const pod of taken) done.add(pod)
    epoch = latestEpoch([epoch, ...reports.map((report) => report?.epoch ?? null)])
    if (taken.length > 0 && taken.length === asked.length) continue
    if (elapsed() > timeoutMs) {
      const says = describe(reports.find((report) => !report || !hasTakenOver(report)) ?? null)
      const missing = waiting.filter((pod) => !done.has(pod)).join(', ') || 'its pods'
      const late = `${who}: ${missing} did not start to consume within ${timeoutMs / 1000} s (${says})`
      return { endpointsMs, consumersMs: elapsed(), epoch: null, late }
    }
    await clock.sleep(pollMs, signal)
  }
}

/** Live is what the Service says; a pod consumes only when the gate in its database names its slot too. */
function hasTakenOver(report: PodReport | null): boolean {
  return report !== null && report.role === 'live' && report.consuming
}

/** Pods of a service may lag behind each other for a moment. */
export function latestEpoch(epochs: readonly (number | null)[]): number | null {
  const known = epochs.filter((epoch) => epoch !== null)
  return known.length > 0 ? Math.max(...known) : null
}

function describe(report: PodReport | null): string {
  if (!report) return 'it does not answer as it should on its path `management.role`'
  const { gate } = report
  const opened = gate
    ? `its gate ${gate.color ? `names ${gate.color} ${gate.revision}` : 'was never opened'}, epoch ${gate.epoch}`
    : 'it has no gate, or could not read its gate'
  return `it says: ${report.role}, ${report.consumers} consumers; ${opened}`
}

/** Lines for those pods of the outgoing slot that still hold something, or say nothing: warnings, no failure. */
export async function awaitOutgoing(
  { pods, clock, signal }: TakeoverPorts,
  name: string,
  from: Target | null,
): Promise<string[]> {
  if (!from || !pods.reports(name)) return []
  const started = clock.monotonic()
  for (;;) {
    const names = await pods.list(name, from)
    const reports = await Promise.all(names.map((pod) => pods.report(name, pod)))
    const lines = names.flatMap((pod, index) => {
      const report = reports[index] ?? null
      if (!report) return [`${pod} of the outgoing slot does not answer`]
      if (report.role === 'standby' && !report.consuming && report.inFlight === 0) return []
      return [
        `${pod} of the outgoing slot is ${report.role} with ${report.consumers} consumers and ${report.inFlight} in flight`,
      ]
    })
    if (lines.length === 0 || clock.monotonic() - started > outgoingMs) return lines
    await clock.sleep(pollMs, signal)
  }
}
