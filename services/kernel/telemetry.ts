// JSON logs on stdout, metrics, and W3C trace context.
import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { hidden, sensitiveNames } from '@shop/events/sensitive'
import { type DestinationStream, type Logger, pino } from 'pino'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { maskTexts } from './masking.ts'

export type { Logger }

/** The pod, as each log line names it. HTTP answers name its color and version. */
export interface Identity {
  service: string
  color: string
  version: string
  revision: string
  pod: string
}

/** Credentials and personal data, in the first four levels of a logged object. */
const redacted = [
  'authorization',
  'password',
  'connectionString',
  'url',
  ...sensitiveNames,
].flatMap((name) => [name, `*.${name}`, `*.*.${name}`, `*.*.*.${name}`])

/** What tells of an error. A text may quote what `redacted` finds by name only. */
const serializers = {
  err: maskedError,
  ...Object.fromEntries(['reason', 'detail', 'problem', 'msg'].map((name) => [name, maskTexts])),
}

/** A log call must not throw, and an error may have getters that do. */
function maskedError(error: Error): unknown {
  try {
    return maskTexts(pino.stdSerializers.err(error))
  } catch {
    return hidden
  }
}

/** Writes one line of JSON per log call to stdout. */
export function createLogger(
  identity: Identity,
  level: string,
  out: DestinationStream = pino.destination(1),
): Logger {
  const options = {
    level,
    base: identity,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers,
    redact: { paths: redacted, censor: '[redacted]' },
  }
  return pino(options, out)
}

export type PlaneName = 'live' | 'preview'

/** The metrics of one plane. */
export interface Metrics {
  httpSeconds: {
    observe(labels: { method: string; route: string; status: number }, seconds: number): void
  }
  handlerSeconds: {
    startTimer(labels: { type: string }): (labels: { outcome: string }) => void
  }
  published: { inc(labels: { outcome: string }, count: number): void }
  live: { set(value: 0 | 1): void }
  /** Names what the gauge of waiting messages reads whenever metrics are asked for. */
  waiting: { read(source: Oldest): void }
  login: { set(server: string, value: 0 | 1): void }
}

type Oldest = () => Promise<{ oldestAt: Date | null }>

/** The other metrics do not wait longer for the database. */
const readMs = 500
const buckets = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** One registry for the process, and with `of` the metrics of a plane. */
export function createMetrics(identity: Identity): {
  registry: Registry
  of: (plane: PlaneName) => Metrics
} {
  const registry = new Registry()
  const { service, color, version } = identity
  registry.setDefaultLabels({ service, color, version })
  // With the default of 10 ms, an idle process would wake up 100 times a second.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 })
  const registers = [registry]
  const httpSeconds = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the request to the end of its answer.',
    labelNames: ['plane', 'method', 'route', 'status'] as const,
    buckets,
    registers,
  })
  const handlerSeconds = new Histogram({
    name: 'event_handler_duration_seconds',
    help: 'Time of one attempt to handle an event.',
    labelNames: ['plane', 'type', 'outcome'] as const,
    buckets,
    registers,
  })
  const published = new Counter({
    name: 'events_published_total',
    help: 'Attempts to publish an event, by outcome: confirmed or failed.',
    labelNames: ['plane', 'outcome'] as const,
    registers,
  })
  const live = new Gauge({
    name: 'slot_live',
    help: "1 while the plane's Service names the slot of this pod.",
    labelNames: ['plane'] as const,
    registers,
  })
  const waiting = new Map<PlaneName, Oldest>()
  new Gauge({
    name: 'messages_waiting_oldest_seconds',
    help: 'How long the oldest message waits for another system that is away. 0: none waits.',
    labelNames: ['plane'] as const,
    registers,
    async collect() {
      for (const [plane, read] of waiting) {
        const oldest = await Promise.race([read(), setTimeout(readMs, null, { ref: false })]).catch(
          () => null,
        )
        if (!oldest) this.remove({ plane })
        else
          this.set(
            { plane },
            oldest.oldestAt ? (Date.now() - oldest.oldestAt.getTime()) / 1_000 : 0,
          )
      }
    },
  })
  const login = new Gauge({
    name: 'new_login_ok',
    help: '1 if the last try of a new login to this server succeeded. Open connections may work nevertheless.',
    labelNames: ['plane', 'server'] as const,
    registers,
  })
  const of = (plane: PlaneName): Metrics => ({
    httpSeconds: {
      observe: (labels, seconds) => httpSeconds.observe({ plane, ...labels }, seconds),
    },
    handlerSeconds: {
      startTimer: (labels) => handlerSeconds.startTimer({ plane, ...labels }),
    },
    published: { inc: (labels, count) => published.inc({ plane, ...labels }, count) },
    live: { set: (value) => live.set({ plane }, value) },
    waiting: {
      read(source) {
        waiting.set(plane, source)
      },
    },
    login: { set: (server, value) => login.set({ plane, server }, value) },
  })
  return { registry, of }
}

const traceparent = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** The next span of an incoming trace, or the first span of a new trace. */
export function continueTrace(incoming: string | undefined): string {
  const valid = incoming !== undefined && traceparent.test(incoming)
  const traceId = valid ? incoming.slice(3, 35) : randomBytes(16).toString('hex')
  const flags = valid ? incoming.slice(-2) : '01'
  return `00-${traceId}-${randomBytes(8).toString('hex')}-${flags}`
}
