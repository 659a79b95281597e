// Whether work that a service begins, such as orders, is finished in time. Its pods count it in the database that both
// slots share, so any one of them answers for all.
import type { WatchConfig } from '../../config/watch.ts'
import type { PodState, Pods } from '../ports/cluster.ts'
import type { OpenWork } from '../ports/open-work.ts'
import type { Clock } from '../ports/session.ts'
import type { GateRecord } from '../watch-record.ts'
import { createGate, type Gate, type Second } from './gate.ts'
import { type Judged, judgedCounts, patience, uncounted, whileRead } from './judged.ts'
import { add, spanBefore } from './service-watch.ts'
import type { Counts } from './tolerated.ts'

/** Seconds after which work that is not finished is late. */
const late = 30
/** Seconds. It is counted each third look, so an outage of 4 s may be in three counts: these are 6 s apart, or some more. */
const burst = 8
/** Less that is open may wait for something else than the new version. */
const leastOpen = 3

/** Times are unix time, in seconds. */
export interface Unfinished {
  service: string
  mode: 'on' | 'dry-run'
  createGate(before: Counts): Gate
  /** When the switch began, and when the new slot was live. */
  switched: { from: number; to: number }
  /** null: no pod has told yet what was before. */
  known: { before: Counts; gate: Gate } | null
  /** Of all that was begun since the switch, and when that was told. */
  last: { counts: Counts; at: number }
  /** Since then, work is late by what this version does. */
  heldFrom: number
  seconds: Second[]
  /** How often a pod was asked: another one each time. */
  asked: number
  beganAt: number
  /** null: never. */
  readAt: number | null
}

export interface OpenWorkAnswer {
  /** What was due in the half hour before the switch. null: that is known. */
  before: Counts | null
  /** Of what was begun since it. */
  since: OpenWork['since']
}

interface UnfinishedSettings {
  config: WatchConfig
  /** How many tests the watch makes in all. */
  gates: number
  switched: Unfinished['switched']
  /** Now. */
  at: number
}

/** Whether the watch asks this service: in which mode. null: it does not. */
export function unfinishedMode(
  pods: Pick<Pods, 'tellsOpenWork'>,
  service: string,
  { unfinished: { mode } }: WatchConfig,
): Unfinished['mode'] | null {
  return mode === 'off' || !pods.tellsOpenWork(service) ? null : mode
}

export function watchUnfinished(
  service: string,
  mode: Unfinished['mode'],
  { config, gates, switched, at }: UnfinishedSettings,
): Unfinished {
  const least = config.unfinished.limit / 100
  return {
    service,
    mode,
    createGate: (before) => createGate(before, least, gates, burst),
    switched,
    known: null,
    last: { counts: { requests: 0, failures: 0 }, at },
    heldFrom: 0,
    seconds: [],
    asked: 0,
    beganAt: at,
    readAt: null,
  }
}

/** null: the pod does not answer. */
export async function askOpenWork(
  { pods, clock }: { pods: Pick<Pods, 'openWork'>; clock: Pick<Clock, 'now'> },
  watch: Unfinished,
  listed: readonly PodState[],
): Promise<OpenWorkAnswer | null> {
  const { service, switched, known } = watch
  const ready = listed.filter((pod) => pod.ready)
  const pod = ready[watch.asked++ % ready.length]
  if (!pod) return null
  const ask = (from: number) => {
    const ago = Math.max(0, clock.now().getTime() / 1_000 - from)
    return pods.openWork(service, pod.name, { ago, late })
  }
  const moments = [switched.to, ...(known ? [] : [switched.from, switched.from - spanBefore])]
  const [now, later, all] = await Promise.all(moments.map(ask))
  if (!now) return null
  if (known) return { before: null, since: now.since }
  if (!later || !all) return null
  const { requests, failures } = less(countsOf(all.since), countsOf(later.since))
  const before = { requests: Math.max(0, requests), failures: Math.max(0, failures) }
  return { before, since: now.since }
}

/**
 * What was due before the first answer is not counted, as in the other gates: the watch may go on after a long pause.
 * Both counts only grow, unless work is deleted. As an answer takes now longer and now shorter, work of the moment of
 * the switch is counted now and then: so fewer are no new beginning at once, and nothing is counted twice.
 */
export function addAnswer(watch: Unfinished, { before, since }: OpenWorkAnswer, at: number): void {
  const counts = countsOf(since)
  const { last } = watch
  watch.readAt = at
  if (!watch.known) {
    if (!before) return
    watch.known = { before, gate: watch.createGate(before) }
    watch.last = { counts, at }
    return
  }
  const more = less(counts, last.counts)
  const isMore = more.failures >= 0 && more.requests >= more.failures
  if (!isMore && at - last.at <= patience) return
  watch.last = { counts, at }
  if (isMore && more.requests > 0 && last.at >= watch.heldFrom)
    add(watch.seconds, Math.floor(at), more)
}

/** Of the oldest that was begun since the switch and is open, in seconds. null: too little is open. */
export function openAge({ since: { open, oldestSeconds } }: OpenWorkAnswer): number | null {
  return open < leastOpen ? null : oldestSeconds
}

function countsOf({ due, late: failures }: OpenWork['since']): Counts {
  return { requests: due, failures }
}

function less(one: Counts, other: Counts): Counts {
  return { requests: one.requests - other.requests, failures: one.failures - other.failures }
}

/** The cause of what was found so far is outside. It may still make work late that was begun before now. */
export function forgiveUnfinished(watch: Unfinished, now: number): void {
  watch.seconds = []
  watch.heldFrom = now + late
}

export function judgeUnfinished(watch: Unfinished, now: number): GateRecord {
  const { service, mode } = watch
  return { gate: 'unfinished', service, mode, ...whileRead(verdictOf(watch), watch, now, unread) }
}

function verdictOf({ known, seconds }: Unfinished): Judged {
  if (!known) return { ...uncounted, outcome: 'inconclusive', what: 'not counted yet' }
  const { gate, before } = known
  const unit = `were not finished within ${late} s`
  return judgedCounts(gate, seconds, { unit, before, source: 'database' })
}

const unread = {
  never: 'no pod has told its open work',
  noMore: 'no pod tells its open work any more',
}
