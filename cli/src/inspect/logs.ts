// logs: what the containers of the services wrote, from the store of logs or from the pods.
import { interrupted, isInterrupted, ShopctlError } from '../errors.ts'
import type { Lines, LogQuery, LogStore, PodLogs, RawLine } from '../release/ports/logs.ts'
import type { Clock } from '../release/ports/session.ts'
import { inOrder, keyOf, type Line, lineOf, matcherOf, normalTime } from './log-lines.ts'

export interface LogPorts {
  /** null: the environment names none. */
  logStore: LogStore | null
  podLogs: PodLogs
  clock: Clock
  signal: AbortSignal
  /** Gets what is missing, and why. */
  warn(note: string): void
}

export interface Found {
  /** The oldest first. */
  lines: Line[]
  more: boolean
  /** `pods`, or the name of the store. */
  from: string
}

export async function readLogs(ports: LogPorts, query: LogQuery): Promise<Found> {
  const { raw, ...found } = await readRaw(ports, query)
  return { ...found, lines: raw.map(lineOf) }
}

async function readRaw(
  ports: LogPorts,
  query: LogQuery,
): Promise<Omit<Found, 'lines'> & { raw: RawLine[] }> {
  const { logStore, podLogs, signal, warn } = ports
  const matches = matcherOf(query.text, query.word)
  const fromPods = (): Promise<Lines> => podLogs.read(query, matches, signal)
  const stored = logStore && (await readStore(logStore, query, ports))
  const { lines, more, notes } = stored ?? (await fromPods())
  for (const note of notes) warn(note)
  const since = query.since && normalTime(query.since.toISOString())
  const wanted = inOrder(lines).filter(
    ({ time, text }) => matches(text) && (!since || (normalTime(time) ?? since) >= since),
  )
  return {
    raw: wanted.slice(-query.limit),
    more: more || wanted.length > query.limit,
    from: stored && logStore ? logStore.name : 'pods',
  }
}

/** null: it cannot be asked, which the user is told. */
async function readStore(
  store: LogStore,
  query: LogQuery,
  { signal, warn }: LogPorts,
): Promise<Lines | null> {
  try {
    return await store.read(query, signal)
  } catch (error) {
    if (isInterrupted(error) || !(error instanceof ShopctlError)) throw error
    warn(
      `The log store ${store.name} cannot be asked, so these lines are from the pods: ${error.message}`,
    )
    return null
  }
}

/** How long a line may take into a store. */
const lateMs = 30_000
const pollMs = 2_000
/** Enough for the lines of `lateMs`. */
const mostKeys = 100_000

/** First the lines of `readLogs`, then those that are written. Ends with `interrupted`. */
export async function followLogs(
  ports: LogPorts,
  query: LogQuery,
  show: (line: Line) => void,
): Promise<never> {
  const { logStore, clock } = ports
  const started = clock.now().getTime()
  const seen = new Set<string>()
  const showNew = (line: RawLine): void => {
    const key = keyOf(line)
    if (seen.has(key)) return
    seen.add(key)
    if (seen.size > mostKeys) seen.delete(seen.values().next().value ?? '')
    show(lineOf(line))
  }
  const { raw, from, more } = await readRaw(ports, query)
  if (more) ports.warn(leftOff(query.limit))
  raw.forEach(showNew)
  if (logStore && from === logStore.name) await followStore(ports, query, showNew)
  else await followPods(ports, { ...query, since: new Date(started - pollMs) }, showNew)
  throw interrupted()
}

/** A store is asked again and again: it needs no connection that stays open. */
async function followStore(
  ports: LogPorts,
  query: LogQuery,
  show: (line: RawLine) => void,
): Promise<void> {
  const { clock, signal, logStore, warn } = ports
  const matches = matcherOf(query.text, query.word)
  while (!signal.aborted) {
    await clock.sleep(pollMs, signal)
    const since = new Date(clock.now().getTime() - lateMs)
    try {
      const found = await logStore?.read({ ...query, since }, signal)
      for (const line of inOrder(found?.lines ?? [])) if (matches(line.text)) show(line)
      if (found?.more)
        warn(`More than ${query.limit} lines in ${lateMs / 1_000} s: some are left off.`)
    } catch (error) {
      // It may be back the next time.
      if (isInterrupted(error) || !(error instanceof ShopctlError)) throw error
      warn(`The log store ${logStore?.name} cannot be asked: ${error.message}`)
    }
  }
}

async function followPods(
  { podLogs, signal, warn }: LogPorts,
  query: LogQuery,
  show: (line: RawLine) => void,
): Promise<void> {
  const matches = matcherOf(query.text, query.word)
  for await (const found of podLogs.follow(query, matches, signal)) {
    if (typeof found === 'string') warn(found)
    else show(found)
  }
}

export function leftOff(limit: number): string {
  return `These are the latest ${limit} lines. Choose fewer with --since, --grep, --color or a service, or raise --limit.`
}
