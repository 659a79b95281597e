// Tries new logins to the database and the broker. Open connections survive a changed password, and would hide it.
import { setTimeout } from 'node:timers/promises'
import { Connection } from 'rabbitmq-client'
import { coalesce } from './coalesce.ts'
import { logIn } from './connections.ts'
import { codeOf, isLoginRefused } from './database-errors.ts'
import type { Metrics } from './metrics.ts'
import type { Logger } from './telemetry.ts'

/** `refused`: the credential is not valid. `unreachable`: no answer, or one that says nothing about the credential. */
export interface LoginReport {
  state: 'ok' | 'refused' | 'unreachable'
  /** What failed, without passwords. null: nothing. */
  problem: string | null
  /** When it was tried. */
  at: string
}

export interface Logins {
  /** null: none has been tried yet. */
  latest(): LoginReport | null
  /** Tries new logins, at most a second later. */
  check(): Promise<LoginReport>
  close(): void
}

interface LoginsDeps {
  databaseUrl: string
  amqpUrl: string
  /** Shown in the servers' lists of connections. */
  name: string
  logger: Logger
  metrics: Metrics
  now: () => Date
}

const everyMs = 30_000
const paceMs = 1_000
const timeoutMs = 2_000

export function startLogins(deps: LoginsDeps): Logins {
  const { databaseUrl, amqpUrl, name, logger, metrics, now } = deps
  const closed = new AbortController()
  let latest: LoginReport | null = null
  let triedAt = Number.NEGATIVE_INFINITY

  async function tryAll(): Promise<LoginReport> {
    const [database, broker] = await Promise.all([
      outcomeOf(() => logIn(databaseUrl, name)),
      outcomeOf(() => logInToBroker(amqpUrl, name)),
    ])
    const outcomes = Object.entries({ database, broker })
    for (const [server, { state }] of outcomes) metrics.login.set(server, state === 'ok' ? 1 : 0)
    const failed = outcomes.filter(([, { state }]) => state !== 'ok')
    const refused = failed.find(([, { state }]) => state === 'refused')
    const report: LoginReport = {
      state: (refused ?? failed[0])?.[1].state ?? 'ok',
      problem: failed.map(([server, { problem }]) => `${server}: ${problem}`).join('; ') || null,
      at: now().toISOString(),
    }
    if (report.state !== (latest?.state ?? 'ok')) {
      const { state, problem } = report
      if (state === 'ok') logger.info('new logins succeed again')
      else logger.warn({ state, problem }, 'new logins fail')
    }
    latest = report
    return report
  }

  /** Anybody in the cluster may ask, so there is one try at a time, and one a second. */
  const check = coalesce(async () => {
    await setTimeout(Math.max(0, triedAt + paceMs - performance.now()), undefined, { ref: false })
    triedAt = performance.now()
    return tryAll()
  })

  async function repeat(): Promise<void> {
    while (!closed.signal.aborted) {
      await check()
      await setTimeout(everyMs, undefined, { ref: false, signal: closed.signal }).catch(() => {})
    }
  }

  void repeat()
  return { latest: () => latest, check, close: () => closed.abort() }
}

interface Outcome {
  state: LoginReport['state']
  problem: string
}

async function outcomeOf(logIn: () => Promise<void>): Promise<Outcome> {
  try {
    await logIn()
    return { state: 'ok', problem: '' }
  } catch (error) {
    // When all addresses of a host fail, the error has only a code.
    const problem = (error as Error).message || String(codeOf(error) ?? '')
    return { state: isRefusal(error) ? 'refused' : 'unreachable', problem }
  }
}

/** Also when the database or the virtual host is unknown. */
function isRefusal(error: unknown): boolean {
  return /^(3D000|ACCESS_REFUSED|NOT_ALLOWED)$/.test(String(codeOf(error))) || isLoginRefused(error)
}

async function logInToBroker(url: string, name: string): Promise<void> {
  const connection = new Connection({ url, connectionName: name, connectionTimeout: timeoutMs })
  const tried = Promise.withResolvers<void>()
  connection.on('connection', () => tried.resolve())
  connection.on('error', tried.reject)
  try {
    await tried.promise
  } finally {
    connection.close().catch(() => {})
  }
}
