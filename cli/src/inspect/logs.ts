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

/** null: it cannot be asked, and the user has a warning. */
async function readStore(
  store: LogStore,
  query: LogQuery,
  { signal, warn }: LogPorts,
): Promise<Lines | null> {
  try {
    return await store.read(query, signal)
  } catch (error) {
    if (isInterrupted(error) || !(error instanceof ShopctlError)) throw error
    const why = whyNot(error, 'a smaller --limit, --since, ')
    warn(`The log store ${store.name} cannot be asked, so these lines are from the pods: ${why}`)
    return null
  }
}

/** `options`: those that make an answer shorter, besides a text, a color or a service. */
function whyNot({ code, message }: ShopctlError, options = ''): string {
  if (code !== 'answer-too-long') return message
  return `${message}. Choose fewer lines with ${options}--grep, --color or a service.`
}

/** How long a line may take into a store, and how many lines one answer may have. */
const lateMs = 60_000
const mostLines = 10_000
const pollMs = 2_000
const mostKeys = 10 * mostLines

/** First the lines of `readLogs`, then those that are written. Ends with `interrupted`. */
export async function followLogs(
  ports: LogPorts,
  query: LogQuery,
  show: (line: Line) => void,
): Promise<never> {
  const { logStore } = ports
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
  // By the clock of the lines, which may not be that of this machine.
  const last = timeOf(raw.at(-1)) ?? query.since
  if (logStore?.name === from) {
    // Lines that were left off stay so.
    const since = more ? timeOf(raw[0]) : query.since
    await followStore(logStore, ports, { ...query, since }, { last, show: showNew })
  } else await followPods(ports, { ...query, since: last }, showNew)
  throw interrupted()
}

/** null: it has no time. */
function timeOf(line: RawLine | undefined): Date | null {
  const time = line && normalTime(line.time)
  return time ? new Date(time) : null
}

/**
 * A store is asked again and again: it needs no connection that stays open. `last`: the time of the newest line. Lines
 * of other nodes that are older may arrive later.
 */
async function followStore(
  logStore: LogStore,
  { clock, signal, warn }: LogPorts,
  query: LogQuery,
  { last, show }: { last: Date | null; show: (line: RawLine) => void },
): Promise<void> {
  const matches = matcherOf(query.text, query.word)
  const warnOnce = createWarning(warn)
  let newest = last
  while (!signal.aborted) {
    await clock.sleep(pollMs, signal)
    const since = sinceOf(query.since, newest, clock.now())
    try {
      const found = await logStore.read({ ...query, since, limit: mostLines }, signal)
      const lines = inOrder(found.lines)
      for (const line of lines) if (matches(line.text)) show(line)
      const [oldest, latest] = [timeOf(lines[0]), timeOf(lines.at(-1))]
      const isGap = found.more && newest && oldest && oldest > newest
      warnOnce(isGap ? 'There are more lines than can be shown: some are left off.' : null)
      newest = latest ?? newest
    } catch (error) {
      // It may be back the next time.
      if (isInterrupted(error) || !(error instanceof ShopctlError)) throw error
      warnOnce(`The log store ${logStore.name} cannot be asked: ${whyNot(error)}`)
    }
  }
}

/** A while before the newest line, and before now: a node, or this machine, may have another time. */
function sinceOf(first: Date | null, newest: Date | null, now: Date): Date | null {
  if (!newest) return first
  const from = Math.min(newest.getTime(), now.getTime()) - lateMs
  return new Date(Math.max(from, first?.getTime() ?? from))
}

/** Hands on a warning when it begins. null: all is well. */
function createWarning(warn: (note: string) => void): (note: string | null) => void {
  let latest: string | null = null
  return (note) => {
    if (note !== null && note !== latest) warn(note)
    latest = note
  }
}

async function followPods(
  { podLogs, signal, warn }: LogPorts,
  query: LogQuery,
  show: (line: RawLine) => void,
): Promise<void> {
  const matches = matcherOf(query.text, query.word)
  const since = query.since && new Date(query.since.getTime() - pollMs)
  for await (const found of podLogs.follow({ ...query, since }, matches, signal)) {
    if (typeof found === 'string') warn(found)
    else show(found)
  }
}

export function leftOff(limit: number): string {
  return `These are the latest ${limit} lines. Choose fewer with --since, --grep, --color or a service, or raise --limit.`
}
