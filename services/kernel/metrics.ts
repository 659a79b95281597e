// The metrics of a pod, with names and units as Prometheus wants them. Its planes share one registry; a label tells them apart.
import { setTimeout } from 'node:timers/promises'
import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type PrometheusContentType,
  Registry,
  type RegistryContentType,
} from 'prom-client'
import type { PoolState } from './connections.ts'
import type { Queries } from './database.ts'
import type { Identity, PlaneName } from './telemetry.ts'

/** The metrics of one plane. Durations are in seconds. A trace id leads from a bucket to one of its requests. */
export interface Metrics {
  http: {
    /** Begins to count the failures of a route with 0. Else Prometheus would not see the first increase. */
    expect(labels: { method: string; route: string }): void
    observe(
      labels: { method: string; route: string; status: number },
      seconds: number,
      traceId?: string,
    ): void
  }
  handler: {
    startTimer(labels: { type: string }): (labels: { outcome: Outcome }, traceId?: string) => void
  }
  /** From the time of an event to its first delivery. */
  age: { observe(seconds: number): void }
  published: { inc(labels: { outcome: 'confirmed' | 'failed' }, count: number): void }
  /** From the commit of an event to the broker's confirmation. */
  publishDelay: { observe(seconds: number): void }
  login: { set(server: string, value: 0 | 1): void }
  /** These are read whenever Prometheus asks. */
  slot: { read(source: () => SlotState): void }
  pool: { read(name: string, source: () => PoolState): void }
  stored: { read(database: Queries): void }
  /**
   * What only one service counts or times. Its name and labels are the same for both planes. A histogram begins with 0,
   * a counter needs `inc(labels, 0)` for it.
   */
  counter(own: Own): { inc(labels: Record<string, string>, count?: number): void }
  histogram(own: Own): { observe(seconds: number, traceId?: string): void }
}

/** How one attempt to handle an event ended. After `failed` it is tried again, and after `interrupted` delivered again. */
export type Outcome =
  | 'handled'
  | 'duplicate'
  | 'failed'
  | 'parked'
  | 'waiting'
  | 'postponed'
  | 'interrupted'

export interface SlotState {
  /** Whether the plane's Service names the slot of this pod. Null until the API server has answered. */
  live: boolean | null
  consuming: boolean
  /** Of the gate, while this pod consumes in it. */
  epoch: number | null
}

interface Own {
  name: string
  help: string
  labels?: readonly string[]
}

/** What is stored in a plane's database. Ages are in seconds, by the database's clock. */
interface Stored {
  outbox: number
  outboxAge: number
  parked: number
  retrying: number
  waiting: number
  waitingAge: number
}

/** Fine around the time of one order, where the promises are. */
const buckets = [0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.1, 0.25, 0.5, 1, 2.5, 10]
/** The other metrics do not wait longer for the database. */
const readMs = 500
/** prom-client's gauges with the ending of a counter. */
const misnamed = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`)

export type AllMetrics = ReturnType<typeof createMetrics>

/** One registry for the process, and with `of` the metrics of a plane. Only the OpenMetrics format has trace ids. */
export function createMetrics(
  identity: Identity,
  contentType: RegistryContentType = Registry.OPENMETRICS_CONTENT_TYPE,
) {
  const registry = new Registry()
  // It takes both, and its types only the usual one.
  registry.setContentType(contentType as PrometheusContentType)
  const { service, color, version, revision } = identity
  registry.setDefaultLabels({ service, color, version, revision })
  // With the default of 10 ms, an idle process would wake up 100 times a second.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 })
  for (const name of misnamed) registry.removeSingleMetric(name)
  const make = makers(registry, contentType === Registry.OPENMETRICS_CONTENT_TYPE)

  const http = make.histogram('http_request_duration_seconds', {
    help: 'Time from the request to the end of its answer.',
    labels: ['method', 'route', 'status'],
  })
  const handler = make.histogram('event_handler_duration_seconds', {
    help: 'Time of one attempt to handle an event, by its outcome.',
    labels: ['type', 'outcome'],
  })
  const age = make.histogram('event_age_seconds', {
    help: 'How old an event was when it was delivered for the first time.',
  })
  const published = make.counter('events_published_total', {
    help: 'Attempts to publish an event, by outcome: confirmed or failed.',
    labels: ['outcome'],
  })
  const publishDelay = make.histogram('event_publish_delay_seconds', {
    help: "Time from the commit of an event to the broker's confirmation, when the pod that wrote it published it.",
  })
  const login = make.gauge('new_login_ok', {
    help: '1 if the last try of a new login to this server succeeded. Open connections may still work.',
    labels: ['server'],
  })
  const slots = slotGauges(make)
  const pools = poolGauge(make)
  const stored = storedGauges(make)

  const of = (plane: PlaneName): Metrics => ({
    http: {
      expect(route) {
        for (const status of ['500', '503']) http.zero({ plane, ...route, status })
      },
      observe: ({ method, route, status }, value, traceId) =>
        http.observe({ plane, method, route, status }, value, traceId),
    },
    handler: {
      startTimer({ type }) {
        const started = performance.now()
        return ({ outcome }, traceId) =>
          handler.observe({ plane, type, outcome }, (performance.now() - started) / 1_000, traceId)
      },
    },
    age: { observe: (value) => age.observe({ plane }, value) },
    published: { inc: (labels, count) => published.inc({ plane, ...labels }, count) },
    publishDelay: { observe: (value) => publishDelay.observe({ plane }, value) },
    login: { set: (server, value) => login.set({ plane, server }, value) },
    slot: { read: (source) => slots.set(plane, source) },
    pool: { read: (name, source) => pools.set(JSON.stringify({ plane, pool: name }), source) },
    stored: { read: (database) => stored.set(plane, () => readStored(database)) },
    counter({ name, ...own }) {
      const counter = make.counter(name, own)
      return { inc: (labels, count = 1) => counter.inc({ plane, ...labels }, count) }
    },
    histogram({ name, ...own }) {
      const histogram = make.histogram(name, own)
      histogram.zero({ plane })
      return { observe: (value, traceId) => histogram.observe({ plane }, value, traceId) }
    },
  })
  return { registry, of }
}

type Makers = ReturnType<typeof makers>

/** Every metric has the label `plane`. The second plane gets the metric that the first has made. */
function makers(registry: Registry, hasTraceIds: boolean) {
  type Described = Omit<Own, 'name'>
  const common = (name: string, { help, labels = [] }: Described) => ({
    name,
    help,
    registers: [registry],
    labelNames: ['plane', ...labels],
  })
  return {
    counter(name: string, own: Described): Counter {
      const known = registry.getSingleMetric(name) as Counter | undefined
      return known ?? new Counter(common(name, own))
    },
    gauge: (name: string, own: Described, collect?: (this: Gauge) => Promise<void> | void) =>
      new Gauge({ ...common(name, own), ...(collect && { collect }) }),
    histogram(name: string, own: Described) {
      const known = registry.getSingleMetric(name) as Histogram | undefined
      const histogram =
        known ?? new Histogram({ ...common(name, own), buckets, enableExemplars: hasTraceIds })
      return {
        zero: (labels: Record<string, string>): void => histogram.zero(labels),
        observe(labels: Record<string, string | number>, value: number, traceId?: string): void {
          const exemplarLabels = traceId === undefined ? {} : { trace_id: traceId }
          if (hasTraceIds) histogram.observe({ labels, value, exemplarLabels })
          else histogram.observe(labels, value)
        },
      }
    },
  }
}

function slotGauges(make: Makers): Map<PlaneName, () => SlotState> {
  const sources = new Map<PlaneName, () => SlotState>()
  const define = (
    name: string,
    help: string,
    numberOf: (state: SlotState) => number | null,
  ): void => {
    make.gauge(name, { help }, function collect() {
      for (const [plane, read] of sources) {
        const value = numberOf(read())
        if (value === null) this.remove({ plane })
        else this.set({ plane }, value)
      }
    })
  }
  define('slot_live', "1 while the plane's Service names the slot of this pod.", ({ live }) =>
    live === null ? null : Number(live),
  )
  define('slot_consuming', '1 while this pod takes messages from its queue.', ({ consuming }) =>
    Number(consuming),
  )
  define('gate_epoch', 'The epoch in which this pod handles messages.', ({ epoch }) => epoch)
  return sources
}

function poolGauge(make: Makers): Map<string, () => PoolState> {
  const sources = new Map<string, () => PoolState>()
  const help =
    'Connections to the database by state: idle or used; waiting counts requests for one.'
  make.gauge('database_connections', { help, labels: ['pool', 'state'] }, function collect() {
    for (const [labels, read] of sources)
      for (const [state, count] of Object.entries(read()))
        this.set({ ...JSON.parse(labels), state }, count)
  })
  return sources
}

/** One question to the database for all of them. Without an answer in time, they are left out. */
function storedGauges(make: Makers): Map<PlaneName, () => Promise<Stored>> {
  const sources = new Map<PlaneName, () => Promise<Stored>>()
  let answers: Promise<[PlaneName, Stored | null][]> | undefined
  const ask = (): Promise<[PlaneName, Stored | null][]> => {
    answers ??= Promise.all(
      [...sources].map(async ([plane, read]): Promise<[PlaneName, Stored | null]> => {
        const late = setTimeout(readMs, null, { ref: false })
        return [plane, await Promise.race([read(), late]).catch(() => null)]
      }),
    ).finally(() => {
      answers = undefined
    })
    return answers
  }
  const define = (name: string, help: string, field: keyof Stored): void => {
    make.gauge(name, { help }, async function collect() {
      for (const [plane, found] of await ask()) {
        if (found) this.set({ plane }, found[field])
        else this.remove({ plane })
      }
    })
  }
  define('outbox_events', 'Events in the outbox that the broker has not confirmed.', 'outbox')
  define(
    'outbox_oldest_event_age_seconds',
    'How long the oldest event in the outbox has been due. 0: none is.',
    'outboxAge',
  )
  define('messages_parked', 'Messages that wait for a person.', 'parked')
  define('messages_retrying', 'Messages that failed and will be handled again.', 'retrying')
  define('messages_waiting', 'Messages that wait for another system that is away.', 'waiting')
  define(
    'messages_waiting_oldest_age_seconds',
    'How long the oldest message waits for another system that is away. 0: none waits.',
    'waitingAge',
  )
  return sources
}

async function readStored(database: Queries): Promise<Stored> {
  const [row] = await database.query<Stored>(
    `SELECT (SELECT count(*) FROM outbox)::float8 AS outbox,
       (SELECT ${ageOf(`min(${dueSince})`)} FROM outbox WHERE ${dueSince} <= now()) AS "outboxAge",
       count(*) FILTER (WHERE state = 'parked' AND cause IS DISTINCT FROM 'waiting')::float8 AS parked,
       count(*) FILTER (WHERE state = 'retrying')::float8 AS retrying,
       count(*) FILTER (WHERE ${isWaiting})::float8 AS waiting,
       ${ageOf(`min(first_failed_at) FILTER (WHERE ${isWaiting})`)} AS "waitingAge"
     FROM parked`,
  )
  if (!row) throw new Error('the sums have no row')
  return row
}

/** Each refusal of the broker moves `not_before`. */
const dueSince = 'CASE WHEN attempts > 0 THEN created_at ELSE not_before END'
const isWaiting = `state = 'parked' AND cause = 'waiting'`

function ageOf(time: string): string {
  return `coalesce(extract(epoch FROM now() - ${time}), 0)::float8`
}
