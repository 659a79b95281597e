// The gate: a row in Postgres that names the slot whose event handlers and scheduled jobs may commit.
import { setTimeout } from 'node:timers/promises'
import { statement } from './batch.ts'
import type { Database, Queries, Transaction } from './database.ts'
import { codeOf } from './database-errors.ts'
import { isSame, type Role, type Slot } from './role.ts'
import type { Logger } from './telemetry.ts'

/** The gate names another slot or epoch. The consumer must stop and requeue the message. */
export class GateClosed extends Error {
  override readonly name = 'GateClosed'
}

/**
 * Access to the database for one slot in one epoch. Transactions (READ COMMITTED) and single queries commit only while
 * the gate names both. Otherwise they throw GateClosed, have no effect and return no rows.
 */
export interface Fence extends Queries {
  readonly epoch: number
  readonly color: string
  readonly revision: string
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>
}

/** The slot whose handlers may commit. Color and revision are null in epoch 0. */
export interface Gate {
  epoch: number
  color: string | null
  revision: string | null
}

/**
 * The advisory lock of the gate. Fenced transactions take it shared (see `pass_gate` in the migrations); moving the gate
 * takes it exclusive.
 */
const lockClass = 7_316
const lock = `${lockClass}, 'release_gate'::regclass::oid::integer`
const gateQuery = 'SELECT epoch, color, revision FROM release_gate'
const lockTimeoutMs = 500
const lockAttempts = 4
/** How long a decision stays valid after it began: enough for a GET of the Service and some lock timeouts. */
const decisionMs = 4_000

function gateOf(row: Record<string, unknown> | undefined): Gate {
  if (!row) throw new Error('release_gate has no row')
  return {
    epoch: Number(row.epoch),
    color: row.color as string | null,
    revision: row.revision as string | null,
  }
}

export async function readGate(queries: Queries): Promise<Gate> {
  const [row] = await queries.query<Record<string, unknown>>(gateQuery)
  return gateOf(row)
}

/** The SQLSTATE that `pass_gate` raises when the gate names another slot or epoch. */
const gateClosedState = 'GATE1'

export function createFence(database: Database, { color, revision }: Slot, epoch: number): Fence {
  const pass = statement('SELECT pass_gate($1, $2, $3)', [epoch, color, revision])
  const refuse = (error: Error): never => {
    throw codeOf(error) === gateClosedState
      ? new GateClosed(error.message, { cause: error })
      : error
  }
  return {
    epoch,
    color,
    revision,
    async query<Row>(text: string, values?: unknown[]) {
      const [, rows] = await database.batch([pass, statement(text, values)]).catch(refuse)
      return rows as Row[]
    },
    transaction: (work) => database.transaction(work, pass).catch(refuse),
  }
}

/** A decision to move the gate. First the gate was read in epoch `from`, then the Service, which named the slot `to`. */
export interface GateMove {
  from: number
  to: Slot
  /** By `performance.now()`. After it the decision is not valid, because the process may have been frozen. */
  deadline: number
}

/**
 * Moves the gate to a slot in a new epoch, unless its epoch has changed since it was read. Returns the gate after that.
 * Because the Service was read after the gate, the gate changes in the same order as the Service. When another process
 * holds the lock for too long, it may be frozen, so its connection is terminated and it can never commit.
 */
export async function moveGate(database: Database, move: GateMove): Promise<Gate> {
  for (let attempt = 1; ; attempt++) {
    const askedAt = performance.now()
    try {
      return await moveUnderLock(database, move)
    } catch (error) {
      if (codeOf(error) !== lockNotAvailable || attempt === lockAttempts) throw error
      await endHolders(database, move.from, askedAt)
    }
  }
}

const lockNotAvailable = '55P03'

/** Sends one batch, so that a process that freezes does not keep the exclusive lock. */
async function moveUnderLock(database: Database, { from, to, deadline }: GateMove): Promise<Gate> {
  // Check at the last moment, because the process may freeze while it waits for a connection.
  const check = (): void => {
    if (performance.now() > deadline) throw new Error('the decision to move the gate is too old')
  }
  const statements = [
    statement(`SELECT set_config('lock_timeout', '${lockTimeoutMs}', true)`),
    statement(`SELECT pg_advisory_xact_lock(${lock})`),
    // A separate statement, so that it sees what others committed while the lock was awaited.
    statement(
      `UPDATE release_gate
       SET epoch = epoch + 1, color = $2, revision = $3, opened_at = clock_timestamp()
       WHERE epoch = $1`,
      [from, to.color, to.revision],
    ),
    statement(gateQuery),
  ]
  return gateOf((await database.batch(statements, check)).at(-1)?.[0])
}

/**
 * Terminates the connections that hold the lock, while the gate is still in `epoch`. Transactions that began after
 * `askedAt` are spared, because this process itself made them wait.
 */
async function endHolders(database: Database, epoch: number, askedAt: number): Promise<void> {
  await database.query(
    `SELECT pg_terminate_backend(held.pid)
     FROM pg_locks AS held LEFT JOIN pg_stat_activity AS holder USING (pid)
     WHERE held.locktype = 'advisory' AND held.granted AND held.mode = 'ShareLock'
       AND held.classid = ${lockClass} AND held.objid = 'release_gate'::regclass::oid
       AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND held.pid <> pg_backend_pid()
       AND coalesce(holder.xact_start < clock_timestamp() - $1 * interval '1 ms', true)
       AND EXISTS (SELECT FROM release_gate WHERE epoch = $2)`,
    [performance.now() - askedAt, epoch],
  )
}

export interface Gatekeeper {
  /**
   * Live: moves the gate to this slot, and retries until that succeeds. Unknown: opens a fence if the gate already names
   * this slot. Standby: drops the fence.
   */
  setRole(role: Role): void
  /** Call it after GateClosed. Reads the gate, and drops the fence unless the gate still names its slot and epoch. */
  refused(): void
  /** The gate. Reads it at most every 100 ms; returns the last known one when the database is slow. Never rejects. */
  latest(): Promise<Gate | null>
  fence(): Fence | null
}

export interface GatekeeperDeps {
  database: Database
  /** A separate pool, so that reading and moving the gate does not wait for handlers. */
  control: Database
  slot: Slot
  /** The slot that the Service names now. */
  readService: () => Promise<Slot | null>
  logger: Logger
  onChange: (fence: Fence | null) => void
}

/** During a switch, `latest` is called many times a second. */
const readEveryMs = 100
const readTimeoutMs = 300
/** Time for handlers of the other slot to finish their calls to other systems. Otherwise these would be repeated. */
const graceMs = 25
const firstRetryMs = 100
const lastRetryMs = 1_000

/** Keeps a fence while both the Service and the gate name this slot. */
export function createGatekeeper(deps: GatekeeperDeps): Gatekeeper {
  let role: Role = 'standby'
  let fence: Fence | null = null
  let last: Gate | null = null
  /** How often the gate was read or moved. */
  let readings = 0
  let lastRead = Number.NEGATIVE_INFINITY
  let opening = false
  let wake = () => {}
  /** Whether the other slot has had its grace period since the role changed. */
  let graceIsOver = false

  function accept(gate: Gate): void {
    readings += 1
    last = gate
    if (role === 'standby' || !isSame(gate, deps.slot)) drop()
    else if (fence?.epoch !== gate.epoch) {
      fence = createFence(deps.database, deps.slot, gate.epoch)
      deps.logger.info({ epoch: gate.epoch }, 'the gate names this slot')
      deps.onChange(fence)
    }
  }

  function drop(): void {
    if (!fence) return
    deps.logger.info({ epoch: fence.epoch }, 'the gate does not name this slot any more')
    fence = null
    graceIsOver = true
    deps.onChange(null)
    void openFence()
  }

  async function read(): Promise<Gate> {
    const readingsBefore = readings
    const gate = await readGate(deps.control)
    // If the gate was read or moved meanwhile, this answer may be the older one.
    if (readings === readingsBefore) accept(gate)
    return gate
  }

  async function latest(): Promise<Gate | null> {
    if (performance.now() - lastRead > readEveryMs) {
      lastRead = performance.now()
      const timeout = setTimeout(readTimeoutMs, undefined, { ref: false })
      await Promise.race([read().catch(() => {}), timeout])
    }
    return last
  }

  async function attempt(): Promise<void> {
    const deadline = performance.now() + decisionMs
    const grace = setTimeout(graceMs)
    // An old reading is good enough. If the gate has changed since, moveGate changes nothing and returns the new gate.
    const known = role === 'live' && last && !isSame(last, deps.slot) ? last : null
    const { epoch: from, color } = known ?? (await read())
    if (fence || role !== 'live') return
    // Read the Service after the gate, and not while holding its lock, which blocks all handlers.
    const to = await deps.readService()
    if (!to || !isSame(to, deps.slot)) return
    if (color && !graceIsOver) await grace
    graceIsOver = true
    accept(await moveGate(deps.control, { from, to, deadline }))
  }

  async function openFence(): Promise<void> {
    if (opening) return
    opening = true
    let failing = false
    for (let waitMs = firstRetryMs; role !== 'standby' && !fence; ) {
      const changed = Promise.withResolvers<void>()
      wake = changed.resolve
      try {
        await attempt()
        failing = false
      } catch (error) {
        if (!failing)
          deps.logger.warn({ err: error }, 'cannot move the gate to this slot; retrying')
        failing = true
      }
      if (fence) break
      await Promise.race([setTimeout(waitMs, undefined, { ref: false }), changed.promise])
      waitMs = Math.min(waitMs * 2, lastRetryMs)
    }
    opening = false
  }

  return {
    setRole(next) {
      if (next === role) return
      role = next
      graceIsOver = false
      if (role === 'standby') drop()
      wake()
      void openFence()
    },
    // The consumer has stopped. When the gate cannot be read, drop the fence: a new fence restarts the consumer.
    refused: () => void read().catch(drop),
    latest,
    fence: () => fence,
  }
}
