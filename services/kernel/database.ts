// Postgres: a small pool and transactions, whose statements travel together where nobody waits for one of them.
import { Socket } from 'node:net'
import { Pool, type PoolClient, type QueryResult } from 'pg'
import type { Logger } from './telemetry.ts'

/** Runs one statement and returns its rows. Statements are prepared once per connection. */
export interface Queries {
  query<Row>(text: string, values?: unknown[]): Promise<Row[]>
}

/** What can always be sent: COMMIT may be on its way before a failure to do so would show. */
type Value = string | number | boolean | Date | Buffer | null

/** Queries that stand or fall together; only valid inside the callback that received it. */
export interface Transaction extends Queries {
  /** Runs a statement whose rows nobody needs, behind those before it. Where it fails, so does the transaction. */
  execute(text: string, values?: (Value | Value[])[]): void
}

/** Statements that go to the server together with BEGIN, as one. */
export interface Opening {
  /** Separated by semicolons, without parameters. Each sees what was committed before it began. */
  sql: string
  /** Gets the rows of each statement; throws where the transaction must not go on. */
  admit(rows: Record<string, unknown>[][]): void
}

export interface Database extends Queries {
  /**
   * Commits what `work` did, or rolls it back and throws what `work` threw. READ COMMITTED. Where `opening` does not
   * admit it, `work` sees no row, and nothing that it does has an effect.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, opening?: Opening): Promise<T>
  /** Waits until all connections are back, then closes them. */
  close(): Promise<void>
}

export interface DatabaseDeps {
  url: string
  /** Shown in the server's list of connections. */
  name: string
  logger: Logger
  pool?: {
    max: number
    /** As many stay open when nothing happens. */
    min?: number
  }
}

const idleMs = 10_000

export function createDatabase(deps: DatabaseDeps): Database {
  const { max, min = 0 } = deps.pool ?? { max: 5 }
  const pool = new Pool({
    connectionString: deps.url,
    application_name: deps.name,
    connectionTimeoutMillis: 3_000,
    keepAlive: true,
    // The server gives up first, so that the client learns the reason; the client's time includes the statements before.
    statement_timeout: 5_000,
    query_timeout: 6_000,
    idle_in_transaction_session_timeout: 5_000,
    // Statements are sent without waiting for the answers of those before; a round trip costs more than most of them.
    pipeline: true,
    stream: () => new GatheringSocket(),
    max,
    min,
    idleTimeoutMillis: idleMs,
  })
  // A connection that breaks while it is in use emits an error too; the query's rejection tells us.
  pool.on('connect', (client) => client.on('error', () => {}))
  pool.on('error', (error) => deps.logger.warn({ err: error }, 'idle database connection lost'))

  async function connect(): Promise<PoolClient> {
    try {
      return await pool.connect()
    } catch (cause) {
      const message = 'the database does not answer'
      throw Object.assign(new Error(message, { cause }), { statusCode: 503 })
    }
  }

  return {
    async query<Row>(text: string, values?: unknown[]) {
      const client = await connect()
      let broken: Error | undefined
      try {
        return await queriesOf(client).query<Row>(text, values)
      } catch (error) {
        broken = error as Error
        throw error
      } finally {
        client.release(broken)
      }
    },

    async transaction(work, opening) {
      const client = await connect()
      let broken: Error | undefined
      try {
        return await runTransaction(client, work, opening)
      } catch (error) {
        await client.query('ROLLBACK').catch((rollbackError: Error) => {
          broken = rollbackError
        })
        throw error
      } finally {
        client.release(broken)
      }
    },

    close: () => pool.end(),
  }
}

/** Sends what is written at one turn of the event loop together: a packet costs more than most statements do. */
class GatheringSocket extends Socket {
  #gathering = false

  override write(chunk: string | Uint8Array, ...rest: never[]): boolean {
    if (!this.#gathering) {
      this.#gathering = true
      this.cork()
      process.nextTick(() => {
        this.#gathering = false
        this.uncork()
      })
    }
    return super.write(chunk, ...rest)
  }
}

/** The server's answer to what follows a statement that has failed. */
const aborted = '25P02'

async function runTransaction<T>(
  client: PoolClient,
  work: (tx: Transaction) => Promise<T>,
  opening: Opening | undefined,
): Promise<T> {
  const queries = queriesOf(client)
  const executed: Promise<unknown>[] = []
  const admitted = awaitedLater(begin(client, opening))
  const tx: Transaction = {
    async query<Row>(text: string, values?: unknown[]) {
      const rows = awaitedLater(queries.query<Row>(text, values))
      await admitted
      return rows
    },
    execute: (text, values) => void executed.push(awaitedLater(queries.query(text, values))),
  }
  try {
    const result = await work(tx)
    await admitted
    const commit = awaitedLater(client.query('COMMIT'))
    await Promise.all(executed)
    const { command } = await commit
    // Postgres answers COMMIT with ROLLBACK when a statement failed and nobody noticed.
    if (command !== 'COMMIT') throw new Error('the transaction was rolled back by the database')
    return result
  } catch (error) {
    const outcomes = await Promise.allSettled(executed)
    const failures = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
    throw [error, ...failures].find(({ code }) => code !== aborted) ?? error
  }
}

async function begin(client: PoolClient, opening: Opening | undefined): Promise<void> {
  if (!opening) return void (await client.query('BEGIN'))
  // For several statements in one text, the client returns one result each.
  const results: unknown = await client.query(`BEGIN; ${opening.sql}`)
  const [, ...opened] = results as QueryResult<Record<string, unknown>>[]
  opening.admit(opened.map(({ rows }) => rows))
}

/** A rejection that nobody has awaited yet ends the process. */
function awaitedLater<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

const statementNames = new Map<string, string>()

/** All statements are constants of the program, so the names are few. */
function statementName(text: string): string {
  const known = statementNames.get(text)
  if (known) return known
  const name = `s${statementNames.size}`
  statementNames.set(text, name)
  return name
}

function queriesOf(client: PoolClient): Queries {
  return {
    async query<Row>(text: string, values: unknown[] = []) {
      const result = await client.query({ name: statementName(text), text, values })
      return result.rows as Row[]
    },
  }
}
