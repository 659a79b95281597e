// An open-loop HTTP sender: it sends on a fixed schedule, whether answers come or not.
import { createHistogram } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'
import { Client } from 'undici'
import { refused } from '../errors.ts'
import { isLoopback } from './loopback.ts'

/** One request. */
export interface Call {
  method: 'GET' | 'POST'
  /** Begins with `/`. */
  path: string
  headers?: Record<string, string>
  body?: string
}

/** The outcome of one request. Times are milliseconds since the epoch, from a monotonic clock. */
export interface Exchange {
  /** When it was scheduled, and when it was sent. */
  intendedAt: number
  sentAt: number
  /** From `intendedAt` to the end of the answer. Waiting for a connection counts, since slow answers cause it. */
  latencyMs: number
  /** 0: no answer. `error` has the reason. */
  status: number
  color: string | null
  version: string | null
  error: string | null
  /** It had a connection of its own. */
  isNew: boolean
  /** The server had closed its kept connection, so it was sent again on a new one. */
  isResent: boolean
}

export interface Summary {
  requests: number
  failures: number
  p50Ms: number
  p99Ms: number
  maxMs: number
}

export interface SenderOptions<C extends Call> {
  /** Scheme, host and port. Any host but loopback needs `remote`. */
  url: string
  remote?: boolean
  /** Requests per second, evenly spaced. */
  rate: number
  /** How long the schedule runs. Requests that are still unsent `timeoutMs` later have failed. */
  seconds: number
  /** Maximum number of requests. */
  count?: number
  /** Makes a request when it is due. */
  next: () => C
  /** Called when a request ends. `text` is the answer's body, empty without an answer. */
  onExchange?: (exchange: Exchange, call: C, text: string) => void
  /** Default: no answer, or a status of at least 400. */
  isFailure?: (exchange: Exchange, call: C) => boolean
  /** Keep-alive connections, used in turn. While all are busy, more are opened. */
  connections?: number
  /** Share of the requests that open a new connection and close it. */
  newConnections?: number
  /** Maximum number of requests in flight. Others that are due wait. */
  maxOpen?: number
  /** Requests that are overdue by more than this are left out, so that no burst follows a stall. Default: none is. */
  mostLateMs?: number
  /** From the sending of a request to the end of its answer. */
  timeoutMs?: number
  /** The header of an answer that names the color. Default: `x-shop-color`. */
  colorHeader?: string
  /** Ends the schedule and all requests in flight, at once. */
  signal?: AbortSignal
}

export interface Sender {
  /** Resolves when the schedule has ended and each request has succeeded or failed. */
  ended: Promise<Summary>
  /** Ends the schedule now, and waits for the requests in flight. */
  stop(): Promise<Summary>
}

/** Latencies in an HDR histogram of microseconds with three significant digits. */
export function createLatencies() {
  const highest = 3_600_000_000
  const histogram = createHistogram({ lowest: 1, highest, figures: 3 })
  const ms = (micros: number): number => Math.round(micros / 10) / 100
  return {
    record: (latencyMs: number): void =>
      histogram.record(Math.min(highest, Math.max(1, Math.round(latencyMs * 1000)))),
    count: (): number => histogram.count,
    /** In milliseconds; 0 when nothing was recorded. */
    percentile: (percent: number): number =>
      histogram.count === 0 ? 0 : ms(histogram.percentile(percent)),
    max: (): number => (histogram.count === 0 ? 0 : ms(histogram.max)),
  }
}

function bad(message: string, hint: string) {
  return refused({ code: 'bad-load', message, hint })
}

/** The origin of a URL. Throws a refusal when requests must not go there. */
export function originOf(url: string, { remote = false } = {}): string {
  const target = URL.parse(url)
  if (target?.protocol !== 'http:' && target?.protocol !== 'https:')
    throw bad(`${url} is not an HTTP URL.`, 'Give one like http://127.0.0.1:30080.')
  if (!remote && !isLoopback(target.hostname))
    throw bad(
      `${target.hostname} is not this machine.`,
      'Requests are sent to loopback only: 127.0.0.1, localhost or [::1].',
    )
  return target.origin
}

function reason(error: unknown): string {
  const { message, code } = error as Partial<NodeJS.ErrnoException>
  return message || code || String(error)
}

function now(): number {
  return performance.timeOrigin + performance.now()
}

/** One connection at a time: a client opens the next one when the server has closed it. */
interface Line {
  client: Client
  /** Connections that it has tried to open, and the number of the last one that has given an answer. */
  opened: number
  answered: number
}

function openLine(origin: string, connectTimeout: number): Line {
  // The signal of each request limits its time: undici's own limits may be a second late.
  const client = new Client(origin, { connectTimeout, headersTimeout: 0, bodyTimeout: 0 })
  const line = { client, opened: 0, answered: -1 }
  const count = (): void => {
    line.opened += 1
  }
  client.on('connect', count).on('connectionError', count)
  return line
}

/** Kept connections are used in turn, so that all of them get traffic. */
function createConnections(origin: string, kept: number, timeoutMs: number) {
  const all = new Set<Line>()
  const add = (): Line => {
    const line = openLine(origin, timeoutMs)
    all.add(line)
    return line
  }
  const idle = Array.from({ length: kept }, add)
  return {
    async kept<T>(use: (line: Line) => Promise<T>): Promise<T> {
      const line = idle.shift() ?? add()
      try {
        return await use(line)
      } finally {
        idle.push(line)
      }
    },
    async fresh<T>(use: (line: Line) => Promise<T>): Promise<T> {
      const line = openLine(origin, timeoutMs)
      try {
        return await use(line)
      } finally {
        await line.client.destroy()
      }
    },
    close: () => Promise.all([...all].map(({ client }) => client.close())),
  }
}

const lostCodes = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])

/**
 * A server may close a kept connection while the next request is under way to it. Clients then send a GET again, on a new
 * connection (RFC 9110, 9.2.2).
 */
function wasClosedBetween({ opened, answered }: Line, { method }: Call, error: unknown): boolean {
  const { code = '' } = error as Partial<NodeJS.ErrnoException>
  return method === 'GET' && opened === answered && lostCodes.has(code)
}

/** Starts at once. Throws a refusal when the options make no sense. */
export function startSender<C extends Call>(options: SenderOptions<C>): Sender {
  const { rate, seconds, connections = 8, newConnections = 0.1 } = options
  const { maxOpen = 256, timeoutMs = 10_000, colorHeader = 'x-shop-color' } = options
  const { mostLateMs = Number.POSITIVE_INFINITY } = options
  const origin = originOf(options.url, options)
  if (!(rate > 0 && seconds > 0 && Number.isFinite(rate * seconds)))
    throw bad('Rate and seconds must be more than 0.', 'Give both as plain numbers.')
  const isFailure =
    options.isFailure ?? (({ status }: Exchange): boolean => status === 0 || status >= 400)
  const total = Math.min(options.count ?? Number.POSITIVE_INFINITY, Math.round(rate * seconds))
  const pool = createConnections(origin, Math.min(connections, maxOpen), timeoutMs)
  const latencies = createLatencies()
  const open = new Set<Promise<void>>()
  const stopping = new AbortController()
  const { signal: aborted } = options
  const ending = aborted ? AbortSignal.any([stopping.signal, aborted]) : stopping.signal
  let failures = 0

  const finish = (exchange: Exchange, call: C, text: string): void => {
    latencies.record(exchange.latencyMs)
    if (isFailure(exchange, call)) failures += 1
    options.onExchange?.(exchange, call, text)
  }

  const request = async ({ client }: Line, call: C, reset: boolean, signal: AbortSignal) => {
    const { method, path, headers = {}, body = null } = call
    const answer = await client.request({ method, path, headers, body, reset, signal })
    const header = (name: string): string | null => answer.headers[name]?.toString() ?? null
    const seen = { color: header(colorHeader), version: header('x-shop-version') }
    return { answer, seen }
  }

  const exchange = async (line: Line, call: C, isNew: boolean) => {
    const late = AbortSignal.timeout(timeoutMs)
    const signal = aborted ? AbortSignal.any([late, aborted]) : late
    const of = { isNew, isResent: false }
    try {
      const { answer, seen } = await request(line, call, isNew, signal).catch((error) => {
        if (!wasClosedBetween(line, call, error)) throw error
        of.isResent = true
        return request(line, call, isNew, signal)
      })
      const text = await answer.body.text()
      line.answered = line.opened
      return { status: answer.statusCode, ...seen, ...of, error: null, text }
    } catch (error) {
      const why = late.aborted ? `no answer within ${timeoutMs / 1000} s` : reason(error)
      return { status: 0, color: null, version: null, ...of, error: why, text: '' }
    }
  }

  const send = async (n: number, intendedAt: number): Promise<void> => {
    const call = options.next()
    const sentAt = now()
    // Evenly spread: request n opens a new connection when the rounded share of n grows.
    const isNew = Math.floor((n + 1) * newConnections) > Math.floor(n * newConnections)
    const lend = isNew ? pool.fresh : pool.kept
    const { text, ...answer } = await lend((line) => exchange(line, call, isNew))
    finish({ intendedAt, sentAt, latencyMs: now() - intendedAt, ...answer }, call, text)
  }

  const failUnsent = (intendedAt: number): void => {
    const error = 'not sent in time: too many requests were open'
    const none = { color: null, version: null, isNew: false, isResent: false }
    const unsent = { status: 0, ...none, error }
    const sentAt = now()
    finish({ intendedAt, sentAt, latencyMs: sentAt - intendedAt, ...unsent }, options.next(), '')
  }

  /** Timers round to milliseconds and may be early. Returns at once when the sender is stopped. */
  const sleepUntil = async (at: number): Promise<void> => {
    for (let ms = at - now(); ms > 0 && !ending.aborted; ms = at - now())
      await setTimeout(Math.ceil(ms), undefined, { signal: ending }).catch(() => {})
  }

  const run = async (): Promise<Summary> => {
    const startedAt = now()
    const lastCall = startedAt + seconds * 1000 + timeoutMs
    for (let n = 0; n < total; n++) {
      const intendedAt = startedAt + (n * 1000) / rate
      await sleepUntil(intendedAt)
      while (open.size >= maxOpen && now() < lastCall) await Promise.race(open)
      if (ending.aborted) break
      if (now() - intendedAt > mostLateMs) continue
      if (now() >= lastCall) {
        failUnsent(intendedAt)
        continue
      }
      const sending: Promise<void> = send(n, intendedAt).finally(() => open.delete(sending))
      open.add(sending)
    }
    await Promise.all(open)
    await pool.close()
    return {
      requests: latencies.count(),
      failures,
      p50Ms: latencies.percentile(50),
      p99Ms: latencies.percentile(99),
      maxMs: latencies.max(),
    }
  }

  const ended = run()
  return {
    ended,
    stop() {
      stopping.abort()
      return ended
    },
  }
}
