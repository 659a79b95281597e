// Whether a pod is ready. A pod that cannot serve leaves its Service, unless no pod can: then it answers with 503.
import { get } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import type { ManagementHandler } from './management.ts'
import type { Logger, PlaneName } from './telemetry.ts'

/** What a plane has at the moment. */
export interface Checks {
  database: boolean
  /** It has had the migrations once, and does its work. */
  started: boolean
  /** None is missing, as far as the database answers. */
  migrations: boolean
  broker: boolean
  /** The broker's alarm, which is no fault of this pod. Shown only. */
  blocked?: string | null
  /** Why new logins fail. */
  login?: string
}

export interface ReadinessDeps {
  planes: Record<PlaneName, { checks(): Promise<Checks> }>
  /** Whether a pod that the stable Service routes to reaches the live database. */
  peerHasDatabase: () => Promise<boolean>
  logger: Logger
  ending: () => boolean
  now?: () => number
}

/** Less than the kubelet's timeout, so that the answer can say what is missing. */
const checksAnswerMs = 1_500
/** The Service may route a question to this pod itself, so one answer counts for some time. */
const peerCountsMs = 10_000

/**
 * A pod becomes ready when its live plane has the database, the migrations and the broker, and its preview plane has the
 * migrations. After that, it stays ready while the live database has the migrations, and while the database is away for its
 * peers as well. Without the broker, a live pod still serves, because the outbox keeps its events, and a standby pod can
 * still be the target of a rollback. Trouble in the preview plane must not make a live pod unready.
 */
export function createReadiness(deps: ReadinessDeps): ManagementHandler {
  const { planes, logger, ending, now = () => performance.now() } = deps
  let wasReady = false
  let last = false
  let previewStarted = false
  /** Whether the database lacked the migrations when it last answered. */
  let lacked = false
  let asking = false
  /** Since when the database is away. null: it is not. */
  let awaySince: number | null = null
  let peerHadDatabase = Number.NEGATIVE_INFINITY

  /** In the background: the answer counts in the next check. */
  async function askPeer(): Promise<void> {
    if (asking) return
    asking = true
    const askedIn = awaySince
    const answer = await deps.peerHasDatabase()
    // An answer to a question of an earlier time says nothing about this one.
    if (answer && askedIn === awaySince) peerHadDatabase = now()
    asking = false
  }

  function canServe(live: Checks): boolean {
    if (live.database) {
      peerHadDatabase = Number.NEGATIVE_INFINITY
      awaySince = null
      lacked = !live.migrations
      return live.migrations
    }
    if (!wasReady || lacked) return false
    awaySince ??= now()
    void askPeer()
    return now() - peerHadDatabase > peerCountsMs
  }

  return async () => {
    if (ending()) return { status: 503, body: { ready: false, reason: 'ending' } }
    const [live, preview] = await Promise.all([
      inTime(planes.live.checks()),
      previewStarted ? null : inTime(planes.preview.checks()),
    ])
    previewStarted ||= (preview?.started && preview.migrations) ?? false
    const started = live.started && live.broker && previewStarted
    const ready = canServe(live) && (wasReady || started)
    wasReady ||= ready
    const body = { ready, ...live, preview: previewStarted }
    if (ready !== last) logger[ready ? 'info' : 'warn'](body, ready ? 'ready' : 'no longer ready')
    last = ready
    return { status: ready ? 200 : 503, body }
  }
}

function inTime(checks: Promise<Checks>): Promise<Checks> {
  const nothing = { database: false, started: false, migrations: false, broker: false }
  return Promise.race([checks, setTimeout(checksAnswerMs, nothing, { ref: false })])
}

/** Where a pod answers whether it reaches its database. */
export const databasePath = '/healthz/database'
/** A pod whose database does not answer in this time says that it is away. */
export const databaseAnswerMs = 800
/** More than that, so that a peer's answer arrives. */
const askTimeoutMs = 1_000

/** Asks through the Service at `url`. Each question has its own connection, so that any pod may answer. */
export function askPeers(url: string): () => Promise<boolean> {
  const ask = () =>
    new Promise<boolean>((resolve) => {
      const signal = AbortSignal.timeout(askTimeoutMs)
      get(new URL(databasePath, url), { agent: false, signal }, (response) => {
        response.resume()
        resolve(response.statusCode === 200)
      }).on('error', () => resolve(false))
    })
  return async () => (await Promise.all([ask(), ask()])).includes(true)
}
