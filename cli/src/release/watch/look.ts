// One look at everything that is watched, and what the gates say of it.
import type { WatchConfig } from '../../config/watch.ts'
import { isInterrupted } from '../../errors.ts'
import type { PodReport, PodState, Pods } from '../ports/cluster.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { PodMetrics } from '../ports/pod-metrics.ts'
import type { Probe } from '../ports/probe.ts'
import type { Clock } from '../ports/session.ts'
import type { MoveOperation } from '../record.ts'
import { type Target, targetOf } from '../slot.ts'
import type { GateRecord } from '../watch-record.ts'
import { readBefore, unknownBefore } from './before.ts'
import { type Edge, startEdge } from './edge.ts'
import { judgedCounts, uncounted } from './judged.ts'
import { forgiveOwn, lookOwn, type OwnWatch, watchOwn } from './own.ts'
import { beginPods, type PodMemory, podProblem, rememberPods } from './pods.ts'
import {
  addCounted,
  addProbed,
  countingGates,
  forgive,
  judgeService,
  type ServiceWatch,
  watchService,
} from './service-watch.ts'
import { advance, beginMeter, type Meter, type Readings } from './tally.ts'
import {
  addAnswer,
  askOpenWork,
  forgiveUnfinished,
  judgeUnfinished,
  type OpenWorkAnswer,
  openAge,
  type Unfinished,
  unfinishedMode,
  watchUnfinished,
} from './unfinished.ts'

export interface LookPorts {
  pods: Pods
  podMetrics: PodMetrics
  metrics: Metrics | null
  probe: Probe | null
  clock: Clock
  signal: AbortSignal
}

/** Of one service. Times are unix time, in seconds. */
interface Watched {
  name: string
  target: Target
  figures: ServiceWatch
  /** null: its pods do not tell what is open, or nobody wants to know. */
  unfinished: Unfinished | null
  meter: Meter
  /** null: its pods were never listed. */
  memory: PodMemory | null
  /** As they were listed last. */
  pods: readonly PodState[]
  listedAt: number | null
  reports: Record<string, PodReport | null>
}

export interface Watching {
  /** Unix time, in seconds. */
  startedAt: number
  services: Watched[]
  /** null: there is no probe. */
  edge: Edge | null
  own: OwnWatch[]
  looks: number
}

/** Looks between two that ask the pods for their consumers and for what is open, and Prometheus for the gates of the user. */
const every = { reports: 3, own: 5 }
/** Seconds without a list of the pods that are no reason to say so. */
const patience = 10

export interface Watchable {
  config: WatchConfig
  operation: MoveOperation
  /** false: without the probe. */
  probe: boolean
  mostMs: number
}

/** What pods have counted up to now is not counted. */
export async function beginWatching(
  ports: LookPorts,
  { config, operation, probe: isProbed, mostMs }: Watchable,
): Promise<Watching> {
  const { clock, metrics, podMetrics, signal } = ports
  const at = new Date(operation.startedAt)
  const moves = operation.services.flatMap(({ name, from, to }) => (to ? [{ name, from, to }] : []))
  // Its verdict has the mode of theirs.
  const probe = isProbed && config.errors.mode !== 'off' ? ports.probe : null
  const tests = countingGates.filter((gate) => config[gate].mode !== 'off')
  const named = moves.filter(({ name }) => podMetrics.isNamed(name))
  const telling = moves.filter(({ name }) => unfinishedMode(ports.pods, name, config) !== null)
  const counted = named.length * tests.length + telling.length
  const gates = Math.max(1, counted + (probe ? 1 : 0))
  const [befores, begun, own] = await Promise.all([
    readBefore(ports, moves, at),
    Promise.all(moves.map(({ name, to }) => beginService(ports, name, targetOf(to)))),
    watchOwn(metrics, config.own, at),
  ])
  const { requests = 0, failures = 0 } = operation.probe?.before ?? {}
  const [least, mostSeconds] = [config.errors.limit / 100, mostMs / 1_000 + 60]
  const before = { requests, failures }
  const now = clock.now().getTime() / 1_000
  const startedAt = Date.parse(operation.endedAt ?? operation.startedAt) / 1_000
  const switched = { from: at.getTime() / 1_000, to: startedAt }
  return {
    startedAt,
    services: begun.map((each) => {
      const isNamed = podMetrics.isNamed(each.name)
      const known = befores[each.name] ?? unknownBefore
      const settings = { config, gates, isNamed, at: now }
      const mode = unfinishedMode(ports.pods, each.name, config)
      return {
        ...each,
        figures: watchService(each.name, known, settings),
        unfinished: mode && watchUnfinished(each.name, mode, { config, gates, switched, at: now }),
      }
    }),
    edge: probe && startEdge(probe, { clock, signal, before, least, gates, mostSeconds }),
    own,
    looks: 0,
  }
}

async function beginService(
  ports: LookPorts,
  name: string,
  target: Target,
): Promise<Omit<Watched, 'figures' | 'unfinished'>> {
  const pods = await unlessAway(ports.pods.states(name, target))
  return {
    name,
    target,
    pods: pods ?? [],
    listedAt: null,
    reports: {},
    meter: beginMeter(await readingsOf(ports, name, pods ?? [])),
    memory: pods && beginPods(pods),
  }
}

/** null: the cluster does not answer. A watch outlives that. */
async function unlessAway<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading
  } catch (error) {
    if (isInterrupted(error)) throw error
    return null
  }
}

async function readingsOf(
  { podMetrics }: LookPorts,
  name: string,
  pods: readonly PodState[],
): Promise<Readings> {
  if (!podMetrics.isNamed(name)) return {}
  const found = pods.map(async (pod) => [
    pod.name,
    await unlessAway(podMetrics.read(name, pod.name)),
  ])
  return Object.fromEntries(await Promise.all(found))
}

export async function look(ports: LookPorts, watching: Watching): Promise<void> {
  const { looks, own, services, edge } = watching
  watching.looks += 1
  await Promise.all([
    ...services.map((each) => lookAt(ports, watching, each, looks % every.reports === 0)),
    ...(looks % every.own === 0 ? [lookOwn(ports.metrics, own)] : []),
  ])
  if (services.every(({ name }) => name !== edge?.service)) edge?.collect()
}

async function lookAt(
  ports: LookPorts,
  { startedAt, edge }: Watching,
  service: Watched,
  asks: boolean,
): Promise<void> {
  const { name, target, unfinished } = service
  const pods = await unlessAway(ports.pods.states(name, target))
  const listed = pods ?? service.pods
  const [readings, reports, answer] = await Promise.all([
    readingsOf(ports, name, listed),
    asks ? reportsOf(ports, name, listed) : service.reports,
    asks && unfinished
      ? unlessAway<OpenWorkAnswer | null>(askOpenWork(ports, unfinished, listed))
      : null,
  ])
  // After the pods were read, so that it knows each of its requests that they have counted.
  const sent = edge?.service === name ? edge.collect() : []
  const at = ports.clock.now().getTime() / 1_000
  const { meter, counted } = advance(service.meter, readings)
  service.meter = meter
  service.reports = reports
  addCounted(service.figures, counted, { at, startedAt })
  // Others were not answered by these pods: nothing of them is in what they count.
  const answered = sent.filter(({ color }) => color === target.color)
  addProbed(service.figures, answered, { at, startedAt })
  const all = Object.values(readings)
  const isRead = all.length > 0 && all.every((reading) => reading !== null)
  if (isRead) service.figures.readAt = at
  if (unfinished && answer) {
    addAnswer(unfinished, answer, at)
    const age = openAge(answer)
    // What is not read may have been consumed.
    if (isRead && age !== null) service.figures.waiting.push({ at, age })
  }
  if (!pods) return
  service.pods = pods
  service.listedAt = at
  service.memory = rememberPods(service.memory ?? beginPods(pods), { at, pods, reports })
}

async function reportsOf(
  { pods }: LookPorts,
  name: string,
  listed: readonly PodState[],
): Promise<Record<string, PodReport | null>> {
  if (!pods.reports(name)) return {}
  const found = listed.map(async (pod) => [pod.name, await unlessAway(pods.report(name, pod.name))])
  return Object.fromEntries(await Promise.all(found))
}

/** @param now unix time, in seconds */
export function verdictsOf(
  { services, edge, own }: Watching,
  config: WatchConfig,
  now: number,
): GateRecord[] {
  return [
    ...services.flatMap((each) => podVerdict(each, config, now)),
    ...(edge && config.errors.mode !== 'off' ? [edgeVerdict(edge, config.errors.mode)] : []),
    ...services.flatMap(({ figures, unfinished }) => [
      ...judgeService(figures, config, now),
      ...(unfinished ? [judgeUnfinished(unfinished, now)] : []),
    ]),
    ...own.map(({ latest }) => latest),
  ]
}

function podVerdict(
  service: Watched,
  { pods: { mode, limit } }: WatchConfig,
  now: number,
): GateRecord[] {
  if (mode === 'off') return []
  const { name, memory, pods, reports, listedAt, figures } = service
  const of = { ...uncounted, gate: 'pods', service: name, mode }
  const isListed = now - (listedAt ?? figures.beganAt) <= patience
  const found = memory && listedAt && podProblem(memory, { at: listedAt, pods, reports }, limit)
  if (found) {
    const since = new Date(found.since * 1_000).toISOString()
    return [{ ...of, since, outcome: 'breach' as const, what: found.what }]
  }
  return isListed
    ? [{ ...of, outcome: 'passes' as const, what: `${pods.length} pods are well` }]
    : [{ ...of, outcome: 'unread' as const, what: 'its pods cannot be listed' }]
}

function edgeVerdict(edge: Edge, mode: 'on' | 'dry-run'): GateRecord {
  const { gate, seconds, before } = edge
  const words = { unit: 'requests through the edge failed', before, source: 'probe' as const }
  const judged = judgedCounts(gate, seconds, words)
  const problem = judged.outcome === 'breach' ? null : edge.problem()
  const of = { gate: 'probe', service: null, mode }
  return problem === null
    ? { ...of, ...judged }
    : { ...of, ...judged, outcome: 'unread', what: problem }
}

/**
 * The cause of what was found so far is outside: it is not held against the version.
 * @param now unix time, in seconds
 */
export function forgiveAll({ services, edge, own }: Watching, now: number): void {
  edge?.forgive()
  forgiveOwn(own)
  for (const service of services) {
    forgive(service.figures)
    if (service.unfinished) forgiveUnfinished(service.unfinished, now)
    service.memory = service.memory && beginPods(service.pods)
  }
}

/** Requests and messages that were judged so far. */
export function countOf(gates: readonly GateRecord[]): number {
  // Those that these count are in `errors` already.
  const counted = gates.filter(({ gate }) => gate !== 'slow' && gate !== 'unfinished')
  return counted.reduce((sum, { requests }) => sum + (requests ?? 0), 0)
}
