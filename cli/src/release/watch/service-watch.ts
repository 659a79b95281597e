// What a watch knows of one service, and what its gates say of it. Pure, but that a series grows in place.
import type { WatchConfig } from '../../config/watch.ts'
import { hasFailed } from '../move/probe-report.ts'
import type { Tally } from '../ports/pod-metrics.ts'
import type { Sample } from '../ports/probe.ts'
import type { GateRecord } from '../watch-record.ts'
import { type AgeVerdict, ageLimit, type Consumed, judgeAge, type Waiting } from './age.ts'
import { createGate, type Gate, type Second } from './gate.ts'
import { type Judged, judgedCounts, uncounted, whileRead } from './judged.ts'
import { withoutProbe } from './probed.ts'
import { lacksBound, noBoundText, slowBound, slowCounts } from './slow.ts'
import { type Counts, leastTolerated } from './tolerated.ts'
import { type BeforeSource, numberText } from './words.ts'

export interface Before {
  tally: Tally
  source: BeforeSource
}

/** Times are unix time, in seconds. */
export interface ServiceWatch {
  service: string
  before: Before
  gates: Readonly<Record<CountingGate, Gate>>
  /** Seconds above which an answer is slow. null: nobody can say. */
  bound: number | null
  /** The new version does not count by it. */
  lacksBound: boolean
  seconds: Record<CountingGate, Second[]>
  /** Requests of the probe that these pods have answered: they are in `seconds`, too. */
  probed: Record<'errors' | 'slow', Second[]>
  /** Milliseconds of the quickest answer that the probe got: the way there takes no longer. */
  quickestMs: number
  consumed: Consumed[]
  /** Where pods tell what is open, of work that was begun since the switch. */
  waiting: Waiting[]
  /** Of kinds that were not parked before. */
  parked: Map<string, number>
  beganAt: number
  /** When all of its pods were read last. null: never. */
  readAt: number | null
  /** Whether shopctl.yaml names its metrics. */
  isNamed: boolean
}

/** The gates that count requests or messages of a service. */
export const countingGates = ['errors', 'handlers', 'slow'] as const
type CountingGate = (typeof countingGates)[number]

/** Seconds. New pods are slow at first: their code is not compiled, and they open connections. */
const warmUp = 15
/** Seconds before the switch that Prometheus tells of. */
export const spanBefore = 1_800

/** Requests, or messages, before the switch, and those that failed. */
function countsOf(tally: Tally, gate: CountingGate, bound: number | null): Counts {
  if (gate === 'errors') return { requests: tally.requests, failures: tally.failedRequests }
  if (gate === 'handlers') return { requests: tally.attempts, failures: tally.failedAttempts }
  return bound === null ? { requests: 0, failures: 0 } : slowCounts(tally, bound)
}

interface WatchSettings {
  config: WatchConfig
  /** How many tests the watch makes in all. */
  gates: number
  isNamed: boolean
  /** Now. */
  at: number
}

export function watchService(
  service: string,
  before: Before,
  { config, gates, isNamed, at }: WatchSettings,
): ServiceWatch {
  const bound = slowBound(before.tally, config.slow.limit)
  const least: Record<CountingGate, number> = {
    errors: config.errors.limit / 100,
    handlers: config.handlers.limit / 100,
    slow: leastTolerated.slow,
  }
  const made = countingGates.map((gate) => [
    gate,
    createGate(countsOf(before.tally, gate, bound), least[gate], gates),
  ])
  return {
    service,
    before,
    bound,
    gates: Object.fromEntries(made),
    ...unheld(),
    lacksBound: false,
    quickestMs: Number.POSITIVE_INFINITY,
    beganAt: at,
    readAt: null,
    isNamed,
  }
}

/** @param startedAt of the switch */
export function addCounted(
  watch: ServiceWatch,
  counted: Tally,
  { at, startedAt }: { at: number; startedAt: number },
): void {
  for (const gate of countingGates) {
    const counts = countsOf(counted, gate, watch.bound)
    if (counts.requests > 0 && isWarm(gate, at, startedAt))
      add(watch.seconds[gate], Math.floor(at), counts)
  }
  watch.lacksBound ||= watch.bound !== null && lacksBound(counted, watch.bound)
  const { consumed, ageSum } = counted
  if (consumed > 0) watch.consumed.push({ at, consumed, ageSum })
  for (const [kind, count] of Object.entries(counted.parked))
    if (count > 0 && !watch.before.tally.parked[kind])
      watch.parked.set(kind, (watch.parked.get(kind) ?? 0) + count)
}

function isWarm(gate: CountingGate, at: number, startedAt: number): boolean {
  return gate !== 'slow' || at >= startedAt + warmUp
}

/** @param samples since the look before, those that these pods have answered */
export function addProbed(
  watch: ServiceWatch,
  samples: readonly Sample[],
  { at, startedAt }: { at: number; startedAt: number },
): void {
  const took = samples.map(({ sentAt, endedAt }) => endedAt - sentAt)
  watch.quickestMs = took.reduce((least, ms) => Math.min(least, ms), watch.quickestMs)
  const boundMs = (watch.bound ?? Number.POSITIVE_INFINITY) * 1_000
  const failures = {
    errors: samples.filter(hasFailed).length,
    slow: took.filter((ms) => ms - watch.quickestMs > boundMs).length,
  }
  for (const gate of ['errors', 'slow'] as const)
    if (samples.length > 0 && isWarm(gate, at, startedAt))
      add(watch.probed[gate], Math.floor(at), {
        requests: samples.length,
        failures: failures[gate],
      })
}

/** Two looks may be in one second, and a clock may be set back: the series stays in order. */
export function add(seconds: Second[], at: number, { requests, failures }: Counts): void {
  const last = seconds.at(-1)
  if (!last || last.at < at) seconds.push({ at, requests, failures })
  else {
    last.requests += requests
    last.failures += failures
  }
}

/** What was counted so far is no longer held against the version: its cause was outside. */
export function forgive(watch: ServiceWatch): void {
  Object.assign(watch, unheld())
}

/** Nothing has been counted. */
function unheld(): Pick<ServiceWatch, 'seconds' | 'probed' | 'consumed' | 'waiting' | 'parked'> {
  return {
    seconds: { errors: [], handlers: [], slow: [] },
    probed: { errors: [], slow: [] },
    consumed: [],
    waiting: [],
    parked: new Map(),
  }
}

/** The verdicts of the gates that are not off in shopctl.yaml. */
export function judgeService(watch: ServiceWatch, config: WatchConfig, now: number): GateRecord[] {
  const { service, isNamed } = watch
  const judged: [ServiceGate, Judged][] = [
    ...countingGates.map((gate): [ServiceGate, Judged] => [gate, judgeCounts(watch, gate, config)]),
    ['age', judgeAges(watch, config, now)],
    ['parked', judgeParked(watch, config)],
  ]
  return judged.flatMap(([gate, verdict]): GateRecord[] => {
    const { mode } = config[gate]
    if (mode === 'off') return []
    if (!isNamed) return [{ gate, service, mode, ...unnamed }]
    return [{ gate, service, mode, ...whileRead(verdict, watch, now, unread) }]
  })
}

type ServiceGate = CountingGate | 'age' | 'parked'

const unread = {
  never: 'the metrics of its pods were never read',
  noMore: 'the metrics of its pods are not read any more',
}

const unnamed: Judged = {
  requests: null,
  failures: null,
  tolerated: null,
  limit: null,
  since: null,
  outcome: 'off',
  what: 'off: `management.metrics` of shopctl.yaml names no metrics',
}

const units: Readonly<Record<CountingGate, string>> = {
  errors: 'requests failed',
  handlers: 'attempts to handle a message failed',
  slow: 'answers were slow',
}

function judgeCounts(watch: ServiceWatch, gate: CountingGate, { slow }: WatchConfig): Judged {
  const { before, bound, gates } = watch
  const counts = countsOf(before.tally, gate, bound)
  if (gate === 'slow' && bound === null)
    return { ...uncounted, outcome: 'off', what: noBoundText(before.tally, slow.limit) }
  if (gate === 'slow' && watch.lacksBound)
    return { ...uncounted, outcome: 'unread', what: `its histogram has no bound of ${bound} s` }
  const unit =
    bound !== null && gate === 'slow' ? `answers took longer than ${bound} s` : units[gate]
  return judgedCounts(gates[gate], secondsOf(watch, gate), {
    unit,
    before: counts,
    source: before.source,
  })
}

/** Of customers alone. */
function secondsOf({ before, seconds, probed }: ServiceWatch, gate: CountingGate) {
  if (gate === 'handlers') return seconds[gate]
  const { source, tally } = before
  // What pods have counted since they began is of no known time.
  const usual = source === 'prometheus' ? tally.requests / spanBefore : null
  return withoutProbe(seconds[gate], probed[gate], usual)
}

function judgeAges(watch: ServiceWatch, config: WatchConfig, now: number): Judged {
  const { before, consumed, waiting } = watch
  const limit = ageLimit(before.tally, config.age.limit)
  const verdict = judgeAge(consumed, now, limit, waiting)
  const { isBreach, age, isOfOpen } = verdict
  const seconds = numberText(Math.round(limit * 10) / 10)
  // Where none was before either, there is nothing to judge.
  if (age === null && consumed.length === 0 && before.tally.consumed > 0) {
    const known = numberText(before.tally.consumed)
    const what = `no message was consumed since the switch, and ${known} before`
    return { ...uncounted, outcome: 'inconclusive', what }
  }
  const now10 = ageText(verdict)
  const when = isOfOpen ? '' : ' when they were consumed'
  return {
    ...uncounted,
    outcome: isBreach ? 'breach' : 'passes',
    what: isBreach
      ? `${now10}${when}, growing for 30 s; the limit is ${seconds} s`
      : `${now10} in the last 10 s; the limit is ${seconds} s, growing for 30 s`,
  }
}

function ageText({ age, isOfOpen }: AgeVerdict): string {
  if (age === null) return 'no message was consumed'
  const old = `${age.toFixed(1)} s old`
  return isOfOpen
    ? `the oldest open work was ${old}, and no message was consumed`
    : `messages were ${old}`
}

function judgeParked({ parked }: ServiceWatch, config: WatchConfig): Judged {
  const count = [...parked.values()].reduce((sum, each) => sum + each, 0)
  const kinds = [...parked.keys()].join(', ')
  return {
    ...uncounted,
    outcome: count >= config.parked.limit ? 'breach' : 'passes',
    what: count === 0 ? 'no new kind of message was parked' : `${count} parked: ${kinds}`,
  }
}
