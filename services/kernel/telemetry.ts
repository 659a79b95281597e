// JSON logs on stdout, and W3C trace context.
import { randomBytes } from 'node:crypto'
import { hidden, sensitiveNames } from '@shop/events/sensitive'
import { type DestinationStream, type Logger, pino } from 'pino'
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

/** How long a line waits for others. A write of its own would take more time than all else that a line needs. */
const togetherMs = 100
/** As much as a pipe takes in one piece, also while the process ends and a write is still on its way. */
const pipeBytes = 4_096
const urgent = pino.levels.values.warn ?? 0

/** Warnings and errors do not wait for other lines. At the exit of the process, pino writes what waits. */
function toStdout(): DestinationStream {
  const out = pino.destination({ dest: 1, minLength: pipeBytes - 1, maxWrite: pipeBytes })
  let isAdded = false
  let isWaiting = false
  const flush = (): void => {
    isWaiting = false
    out.flush()
  }
  const flushSoon = (): void => {
    if (isWaiting) return
    isWaiting = true
    setTimeout(flush, togetherMs).unref()
  }
  // A flush does nothing while a write is on its way. What was added meanwhile needs another one.
  out.on('drain', () => {
    if (isAdded) flushSoon()
    isAdded = false
  })
  const stream = {
    // pino then sets `lastLevel` before each line.
    [pino.symbols.needsMetadataGsym]: true,
    lastLevel: 0,
    write(line: string) {
      isAdded = true
      out.write(line)
      if (this.lastLevel >= urgent) out.flush()
      flushSoon()
    },
  }
  return stream
}

/** Writes one line of JSON per log call to stdout. */
export function createLogger(
  identity: Identity,
  level: string,
  out: DestinationStream = toStdout(),
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

/**
 * For lines of which each value is an id, a constant or masked: nothing in them has to be redacted, and the search for it
 * takes nine tenths of the time of a line.
 */
export function withoutRedaction(logger: Logger): Logger {
  return logger.child({}, { redact: [], serializers: { msg: (text: string) => text } })
}

export type PlaneName = 'live' | 'preview'

const traceparent = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** The next span of an incoming trace, or the first span of a new trace. */
export function continueTrace(incoming: string | undefined): string {
  const valid = incoming !== undefined && traceparent.test(incoming)
  const traceId = valid ? incoming.slice(3, 35) : randomBytes(16).toString('hex')
  const flags = valid ? incoming.slice(-2) : '01'
  return `00-${traceId}-${randomBytes(8).toString('hex')}-${flags}`
}

/** Undefined: there is none, or it is not valid. */
export function traceIdOf(context: string | undefined): string | undefined {
  return context !== undefined && traceparent.test(context) ? context.slice(3, 35) : undefined
}
