// What a service tells about itself: JSON logs on stdout, metrics, and W3C trace context.
import { randomBytes } from 'node:crypto'
import { type DestinationStream, type Logger, pino } from 'pino'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export type { Logger }

/** Who is speaking: put into each log line and each HTTP answer. */
export interface Identity {
  service: string
  color: string
  version: string
  revision: string
  pod: string
}

/** Personal data and credentials, wherever a log call might put them. */
const secrets = ['authorization', 'password', 'token', 'email', 'connectionString', 'url'].flatMap(
  (name) => [name, `*.${name}`, `*.*.${name}`, `*.*.*.${name}`],
)

/** Writes one line of JSON per event to stdout. */
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
    redact: { paths: secrets, censor: '[redacted]' },
  }
  return pino(options, out)
}

export type Metrics = ReturnType<typeof createMetrics>

export function createMetrics(identity: Identity) {
  const registry = new Registry()
  registry.setDefaultLabels({
    service: identity.service,
    color: identity.color,
    version: identity.version,
  })
  // The default of 10 ms wakes an idle process a hundred times a second.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 })
  const registers = [registry]
  return {
    registry,
    httpSeconds: new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from the request to the end of its answer.',
      labelNames: ['method', 'route', 'status'] as const,
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    handlerSeconds: new Histogram({
      name: 'event_handler_duration_seconds',
      help: 'Time from the delivery of an event to its acknowledgement.',
      labelNames: ['type', 'outcome'] as const,
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    published: new Counter({
      name: 'events_published_total',
      help: 'Events from the outbox that the broker has confirmed, or has not.',
      labelNames: ['outcome'] as const,
      registers,
    }),
    live: new Gauge({
      name: 'slot_live',
      help: '1 while the stable Service names the slot of this pod.',
      registers,
    }),
  }
}

const traceparent = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** The next span of an incoming trace, or the first span of a new one. */
export function continueTrace(incoming: string | undefined): string {
  const valid = incoming !== undefined && traceparent.test(incoming)
  const traceId = valid ? incoming.slice(3, 35) : randomBytes(16).toString('hex')
  const flags = valid ? incoming.slice(-2) : '01'
  return `00-${traceId}-${randomBytes(8).toString('hex')}-${flags}`
}
