// Waits until a slot has taken over: first the Service's endpoints, then the consumers of its pods.
import { failed } from '../../errors.ts'
import type { PodReport, Pods, Which } from '../ports/cluster.ts'
import type { Clock } from '../ports/session.ts'
import type { Move, MoveVerb, Target } from '../slot.ts'

export interface TakeoverPorts {
  pods: Pods
  clock: Clock
  signal: AbortSignal
}

export interface Takeover {
  endpointsMs: number
  /** null: the pods do not report what they consume. */
  consumersMs: number | null
  /** The epoch with which its consumers opened the gate. null: it consumes nothing, or has no gate. */
  epoch: number | null
  /** What was missing when the time was up. null: it took over. */
  late: string | null
  /** The pods that `late` names. */
  latePods: string[]
}

/** Each request costs the pods CPU time. */
const pollMs = 100
const oldSlotMs = 5_000
const listAgainMs = 2_000

/** Whether the Service routes only to these pods within the time. */
export async function awaitOnly(
  { pods, clock, signal }: TakeoverPorts,
  service: string,
  which: Which,
  list: () => Promise<string[]>,
  { from, timeoutMs, empty }: { from: number; timeoutMs: number; empty: boolean },
): Promise<boolean> {
  for (;;) {
    const wanted = await list()
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
 * Refreshes an old list, since pods may be replaced. If a request fails, the previous list is used: one failed request
 * does not fail a switch.
 */
export function refreshed(
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
    } catch (error) {
      if (signal.aborted) throw error
    }
    return last
  }
}

/**
 * `to` null: waits until the Service has no endpoints. `from` is a time of `clock.monotonic()`. `enough`: so many of its
 * pods have to consume, since others are just being added. null: all.
 */
export async function awaitTakeover(
  ports: TakeoverPorts,
  name: string,
  to: Target | null,
  { from, timeoutMs, enough }: { from: number; timeoutMs: number; enough: number | null },
): Promise<Takeover> {
  const { pods, clock } = ports
  const elapsed = (): number => Math.round(clock.monotonic() - from)
  const selected = refreshed(async () => (to ? pods.selected(name, to) : []), ports)
  const only = await awaitOnly(ports, name, 'stable', selected, { from, timeoutMs, empty: !to })
  const endpointsMs = elapsed()
  const who = `${name} ${to?.color ?? ''}`.trim()
  const unseen = { endpointsMs, consumersMs: null, epoch: null, latePods: [] }
  if (!only) {
    const seconds = timeoutMs / 1000
    return { ...unseen, late: `${who}: its Service does not route only to it after ${seconds} s` }
  }
  if (!to || !pods.reports(name)) return { ...unseen, late: null }
  const list = refreshed(() => pods.list(name, to), ports)
  return awaitConsumers(ports, name, who, list, { elapsed, timeoutMs, endpointsMs, enough })
}

/** Waits until every pod of the slot consumes, or enough of them. */
async function awaitConsumers(
  { pods, clock, signal }: TakeoverPorts,
  name: string,
  who: string,
  list: () => Promise<string[]>,
  {
    elapsed,
    timeoutMs,
    endpointsMs,
    enough,
  }: {
    elapsed: () => number
    timeoutMs: number
    endpointsMs: number
    enough: number | null
  },
): Promise<Takeover> {
  const done = new Set<string>()
  const isEnough = (): boolean => enough !== null && done.size >= enough
  let epoch: number | null = null
  for (;;) {
    const waiting = (await list()).filter((pod) => !done.has(pod))
    if (done.size > 0 && (waiting.length === 0 || isEnough()))
      return { endpointsMs, consumersMs: elapsed(), epoch, late: null, latePods: [] }
    // The others are asked once the first pod consumes. A pod that is being added may be the last.
    const asked = done.size > 0 || enough !== null ? waiting : waiting.slice(0, 1)
    const reports = await Promise.all(asked.map((pod) => pods.report(name, pod)))
    const taken = asked.filter((_, index) => hasTakenOver(reports[index] ?? null))
    for (const pod of taken) done.add(pod)
    epoch = latestEpoch([epoch, ...reports.map((report) => report?.epoch ?? null)])
    if (taken.length > 0 && (taken.length === asked.length || isEnough())) continue
    if (elapsed() > timeoutMs) {
      const reported = describe(reports.find((report) => !report || !hasTakenOver(report)) ?? null)
      const latePods = waiting.filter((pod) => !done.has(pod))
      const missing = latePods.join(', ') || 'its pods'
      const late = `${who}: ${missing} did not start to consume within ${timeoutMs / 1000} s (${reported})`
      return { endpointsMs, consumersMs: elapsed(), epoch: null, late, latePods }
    }
    await clock.sleep(pollMs, signal)
  }
}

/** `role` follows the Service. A pod consumes only if the gate in its database also names its slot. */
function hasTakenOver(report: PodReport | null): boolean {
  return report !== null && report.role === 'live' && report.consuming
}

/** The pods of a service may differ for a moment. */
export function latestEpoch(epochs: readonly (number | null)[]): number | null {
  const known = epochs.filter((epoch) => epoch !== null)
  return known.length > 0 ? Math.max(...known) : null
}

function describe(report: PodReport | null): string {
  if (!report) return 'no valid answer on its path `management.role`'
  const consuming = report.consuming ? 'consuming' : 'not consuming'
  return `it reports: ${report.role}, ${report.consumers} consumers, ${consuming}; ${describeGate(report)}`
}

function describeGate({ gate }: PodReport): string {
  if (!gate) return 'it has no gate or cannot read it'
  const state = gate.color ? `names ${gate.color} ${gate.revision}` : 'was never opened'
  return `its gate ${state}, epoch ${gate.epoch}`
}

/** Warnings about pods of the old slot that still consume, have messages in flight or do not answer. */
export async function awaitOldSlot(
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
      if (!report) return [`${pod} of the old slot does not answer`]
      if (report.role === 'standby' && !report.consuming && report.inFlight === 0) return []
      return [
        `${pod} of the old slot is ${report.role} with ${report.consumers} consumers and ${report.inFlight} in flight`,
      ]
    })
    if (lines.length === 0 || clock.monotonic() - started > oldSlotMs) return lines
    await clock.sleep(pollMs, signal)
  }
}

/** The error of a move whose new slots did not take over in time. */
export function notTaken(
  late: readonly Takeover[],
  kind: MoveVerb,
  moves: readonly Move[],
  timeoutMs: number,
): Error {
  const logs = late.some(({ latePods }) => latePods.length > 0)
    ? 'Run `kubectl logs <pod>` for these pods. '
    : ''
  const limit = `The limit was ${timeoutMs / 1000} s: \`--timeout\` sets another one.`
  return failed({
    code: 'not-taken-over',
    message: late.map(({ late }) => late).join('\n'),
    hint:
      kind === 'switch'
        ? `${describeBack(moves)} ${logs}${limit}`
        : `Their Services select them all the same. Run \`shopctl status\`, then \`shopctl rollback\` again. ${limit}`,
  })
}

/** What is live after a switch was put back. */
function describeBack(moves: readonly Move[]): string {
  const first = moves.filter(({ from }) => from === null).map(({ name }) => name)
  if (first.length === moves.length) return 'No slot was live before, and none is live now.'
  const without = first.length > 0 ? `; ${first.join(', ')} had none` : ''
  return `The slots that were live before are live again${without}.`
}
