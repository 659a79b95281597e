// The fence in Postgres: what a slot does on its events is committed only while the gate names it.
import { setTimeout } from 'node:timers/promises'
import { statement } from './batch.ts'
import { codeOf, type Database, type Queries, type Transaction } from './database.ts'
import { isSame, type Role, type Slot } from './role.ts'
import type { Logger } from './telemetry.ts'

/** The gate is another's: give the message back and stop. */
export class GateClosed extends Error {
  override readonly name = 'GateClosed'
}

/**
 * Transactions that commit only while the gate still names the slot and epoch that it was opened with; a query is one of
 * its own. Throws GateClosed when the gate is another's: no row is seen then, and nothing has an effect. READ COMMITTED.
 */
export interface Fence extends Queries {
  readonly epoch: number
  readonly color: string
  readonly revision: string
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>
}

/** Whose transactions may commit; nobody's before the first epoch. */
export interface Gate {
  epoch: number
  color: string | null
  revision: string | null
}

/** Held shared by each fenced transaction (see `pass_gate` in the migrations), and alone by who moves the gate. */
const lockClass = 7_316
const lock = `${lockClass}, 'release_gate'::regclass::oid::integer`
const gateQuery = 'SELECT epoch, color, revision FROM release_gate'
const lockTimeoutMs = 500
const lockAttempts = 4
/** More than a GET of the Service may take, and the lock's timeouts. */
const decidedMs = 4_000

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

/** What `pass_gate` says to who is not named by the gate. */
const notNamed = 'GATE1'

export function createFence(database: Database, { color, revision }: Slot, epoch: number): Fence {
  const pass = statement('SELECT pass_gate($1, $2, $3)', [epoch, color, revision])
  const refuse = (error: Error & { code?: string }): never => {
    throw error.code === notNamed ? new GateClosed(error.message, { cause: error }) : error
  }
  return {
    epoch,
    color,
    revision,
    async query<Row>(text: string, values?: unknown[]) {
      const [, rows] = await database.atOnce([pass, statement(text, values)]).catch(refuse)
      return rows as Row[]
    },
    transaction: (work) => database.transaction(work, pass).catch(refuse),
  }
}

/** A move that was decided on: its slot is the one that the Service named after the gate had been read in epoch `from`. */
export interface GateMove {
  from: number
  to: Slot
  /** By `performance.now()`: later it is not carried out, for whoever decided was frozen. */
  before: number
}

/**
 * Opens the gate for a slot in a new epoch, unless it is another epoch already, and returns the gate as it is then. As
 * the Service was read after the gate was, and nobody has moved it since, the order of gates is the order of the Service.
 * Who holds the lock for too long is frozen: its connection is ended, and it cannot commit any more.
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

/** All at once, so that nobody can freeze while holding the lock alone. */
async function moveUnderLock(database: Database, { from, to, before }: GateMove): Promise<Gate> {
  // Asked at the last moment, for who waits for a connection may be frozen meanwhile.
  const check = (): void => {
    if (performance.now() > before) throw new Error('decided on too long ago to move the gate')
  }
  const statements = [
    statement(`SELECT set_config('lock_timeout', '${lockTimeoutMs}', true)`),
    statement(`SELECT pg_advisory_xact_lock(${lock})`),
    // A statement of its own: what was committed while the lock was waited for must be seen.
    statement(
      `UPDATE release_gate
       SET epoch = epoch + 1, color = $2, revision = $3, opened_at = clock_timestamp()
       WHERE epoch = $1`,
      [from, to.color, to.revision],
    ),
    statement(gateQuery),
  ]
  return gateOf((await database.atOnce(statements, check)).at(-1)?.[0])
}

/** Only those of the epoch that is to end, and who were there first: who came later was kept waiting by us. */
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
   * Live: opens the gate, trying for as long as it takes. Unknown: takes it when it names this
   * slot already. Standby: lets go.
   */
  follow(role: Role): void
  /** To be called when a fence has refused: it is let go, unless it was an earlier one. */
  refused(): void
  /** The gate as it is now, or as it was read last when the database takes its time. Never fails. */
  look(): Promise<Gate | null>
  fence(): Fence | null
}

export interface GatekeeperDeps {
  database: Database
  /** Where reading and moving the gate does not have to wait for handlers. */
  control: Database
  slot: Slot
  /** The slot that the Service names now. */
  readService: () => Promise<Slot | null>
  logger: Logger
  onChange: (fence: Fence | null) => void
}

/** Whoever watches a switch asks many times a second. */
const lookEveryMs = 100
const lookTimeoutMs = 300
/** Time for the outgoing handlers to end what they do in the outside world: what they have begun is done again. */
const graceMs = 25
const firstRetryMs = 100
const lastRetryMs = 1_000

/** Keeps a fence for as long as the Service and the gate name this slot. */
export function createGatekeeper(deps: GatekeeperDeps): Gatekeeper {
  let role: Role = 'standby'
  let fence: Fence | null = null
  let last: Gate | null = null
  let readings = 0
  let lastLook = Number.NEGATIVE_INFINITY
  let seeking = false
  let wake = () => {}
  /** Whether the handlers of the slot before have had their time, since the role was told. */
  let graced = false

  function note(gate: Gate): void {
    readings += 1
    last = gate
    if (role === 'standby' || !isSame(gate, deps.slot)) drop()
    else if (fence?.epoch !== gate.epoch) {
      fence = createFence(deps.database, deps.slot, gate.epoch)
      deps.logger.info({ epoch: gate.epoch }, 'the gate is ours')
      deps.onChange(fence)
    }
  }

  function drop(): void {
    if (!fence) return
    deps.logger.info({ epoch: fence.epoch }, 'the gate is no longer ours')
    fence = null
    graced = true
    deps.onChange(null)
    void seek()
  }

  async function check(): Promise<Gate> {
    const before = readings
    const gate = await readGate(deps.control)
    // The gate may have been read or moved meanwhile, and this answer be the older one.
    if (readings === before) note(gate)
    return gate
  }

  async function look(): Promise<Gate | null> {
    if (performance.now() - lastLook > lookEveryMs) {
      lastLook = performance.now()
      const late = setTimeout(lookTimeoutMs, undefined, { ref: false })
      await Promise.race([check().catch(() => {}), late])
    }
    return last
  }

  async function attempt(): Promise<void> {
    const before = performance.now() + decidedMs
    const grace = setTimeout(graceMs)
    // What was read before is good enough, however old: were the gate another by now, it would not be moved, and be told.
    const told = role === 'live' && last && !isSame(last, deps.slot) ? last : null
    const { epoch: from, color } = told ?? (await check())
    if (fence || role !== 'live') return
    // After the gate and not under its lock, which stops all handlers.
    const to = await deps.readService()
    if (!to || !isSame(to, deps.slot)) return
    if (color && !graced) await grace
    graced = true
    note(await moveGate(deps.control, { from, to, before }))
  }

  async function seek(): Promise<void> {
    if (seeking) return
    seeking = true
    let failing = false
    for (let waitMs = firstRetryMs; role !== 'standby' && !fence; ) {
      const changed = Promise.withResolvers<void>()
      wake = changed.resolve
      try {
        await attempt()
        failing = false
      } catch (error) {
        if (!failing) deps.logger.warn({ err: error }, 'cannot open the gate; trying on')
        failing = true
      }
      if (fence) break
      await Promise.race([setTimeout(waitMs, undefined, { ref: false }), changed.promise])
      waitMs = Math.min(waitMs * 2, lastRetryMs)
    }
    seeking = false
  }

  return {
    follow(next) {
      if (next === role) return
      role = next
      graced = false
      if (role === 'standby') drop()
      wake()
      void seek()
    },
    // Who cannot see that it is still ours has to begin anew, for the consumer has stopped.
    refused: () => void check().catch(drop),
    look,
    fence: () => fence,
  }
}
