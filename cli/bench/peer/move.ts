// Measures one switch or rollback, whoever makes it: the same clients, the same watch of the endpoints, the same clock.
import type { KubeConfig } from '@kubernetes/client-node'
import { pause } from '../interruption.ts'
import { allAt, type Seen, startClients } from './clients.ts'
import { type Endpoints, watchEndpoints } from './endpoints.ts'
import type { Sample, Verb } from './table.ts'

export interface Move {
  verb: Verb
  services: readonly string[]
}

/** A move that can start at once. */
export interface Prepared {
  namespace: string
  /** Where the clients send their requests. */
  urls: readonly string[]
  /** The versions that answer before and after. */
  from: string
  to: string
  /** The pods of the new version, which are ready. */
  pods: ReadonlySet<string>
  /** The command. */
  run(): Promise<unknown>
}

export interface Tool {
  name: string
  /** For how long the old version may answer after Enter. Nobody waits any longer. */
  patienceMs: number
  prepare(move: Move): Promise<Prepared>
  /** Waits until no pod starts or ends any more. */
  settle(): Promise<void>
}

export interface Means {
  config: KubeConfig
  clients: number
  signal: AbortSignal
}

/** For so long, nobody must get an answer of another version, before and after. */
const quietMs = 1_000
const pollMs = 20

export async function measureMove(tool: Tool, move: Move, means: Means): Promise<Sample> {
  const prepared = await tool.prepare(move)
  const { namespace, urls, pods } = prepared
  const { services } = move
  const endpoints = await watchEndpoints(means.config, { namespace, services }, pods)
  const clients = startClients(urls, means.clients)
  try {
    return await observed({ tool, move, prepared, endpoints, seen: clients.seen }, means.signal)
  } finally {
    endpoints.stop()
    await clients.stop()
  }
}

interface Observed {
  tool: Tool
  move: Move
  prepared: Prepared
  endpoints: Endpoints
  seen: readonly Seen[]
}

async function observed(all: Observed, signal: AbortSignal): Promise<Sample> {
  const { tool, move, prepared, endpoints, seen } = all
  const { from, to } = prepared
  const isQuietAt = (version: string): boolean =>
    allAt(seen, version, { now: performance.now(), forMs: quietMs })
  await pause(quietMs, signal)
  if (!isQuietAt(from) || endpoints.switchedAt() !== null)
    throw new Error(`${tool.name}: before the ${move.verb}, not all answers are of ${from}`)

  const enter = performance.now()
  let ended: number | null = null
  const running = prepared.run().then(() => {
    ended = performance.now()
  })
  // It is awaited below, also when the waiting fails.
  running.catch(() => {})
  const isDone = (): boolean => ended !== null && endpoints.switchedAt() !== null && isQuietAt(to)
  try {
    while (!isDone() && performance.now() < enter + tool.patienceMs) await pause(pollMs, signal)
  } finally {
    await running
  }
  const switched = endpoints.switchedAt()
  if (switched === null)
    throw new Error(`${tool.name}: no ${move.verb} within ${tool.patienceMs / 1000} s`)
  const now = performance.now()
  return {
    tool: tool.name,
    verb: move.verb,
    services: move.services.length,
    switchedMs: switched - enter,
    commandMs: (ended ?? now) - enter,
    lastOldMs: seen.map((client) => lastAfter(enter, client, { version: from, now })),
    requests: sumOf(seen, 'requests'),
    failed: sumOf(seen, 'failed'),
    broken: sumOf(seen, 'broken'),
  }
}

/** Milliseconds from Enter to the last answer of the version. null: the client still gets some. */
function lastAfter(
  enter: number,
  { lastAt }: Seen,
  { version, now }: { version: string; now: number },
): number | null {
  const last = lastAt.get(version) ?? enter
  return last > now - quietMs ? null : Math.max(0, last - enter)
}

function sumOf(seen: readonly Seen[], what: 'requests' | 'failed' | 'broken'): number {
  return seen.reduce((total, each) => total + each[what], 0)
}
