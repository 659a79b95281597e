// Postgres: a small pool, transactions, and LISTEN on a connection of its own.
import { Client, type ClientConfig, Pool, type PoolClient, type QueryResult } from 'pg'
import type { Logger } from './telemetry.ts'

/** Runs one statement and returns its rows. Statements are prepared once per connection. */
export interface Queries {
  query<Row>(text: string, values?: unknown[]): Promise<Row[]>
}

/** Queries that stand or fall together; only valid inside the callback that received it. */
export type Transaction = Queries & { readonly transaction: true }

/** Statements that go to the server together with BEGIN, in one round trip. */
export interface Opening {
  /** Separated by semicolons, without parameters. Each sees what was committed before it began. */
  sql: string
  /** Gets the rows of each statement; throws where the transaction must not go on. */
  admit(rows: Record<string, unknown>[][]): void
}

export interface Database extends Queries {
  /** Commits what `work` did, or rolls it back and throws what `work` threw. READ COMMITTED. */
  transaction<T>(work: (tx: Transaction) => Promise<T>, opening?: Opening): Promise<T>
  /** Calls `heard` with the payload of each notification; reconnects until closed. */
  listen(channel: string, heard: (payload: string) => void): { close(): Promise<void> }
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
const reconnectMs = 1_000

export function createDatabase(deps: DatabaseDeps): Database {
  const settings: ClientConfig = {
    connectionString: deps.url,
    application_name: deps.name,
    connectionTimeoutMillis: 3_000,
    keepAlive: true,
    // The server gives up first, so that the client learns the reason.
    statement_timeout: 5_000,
    query_timeout: 6_000,
    idle_in_transaction_session_timeout: 5_000,
  }
  const { max, min = 0 } = deps.pool ?? { max: 5 }
  const pool = new Pool({ ...settings, max, min, idleTimeoutMillis: idleMs })
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
        await begin(client, opening)
        const result = await work({ ...queriesOf(client), transaction: true })
        const { command } = await client.query('COMMIT')
        // Postgres answers COMMIT with ROLLBACK when a statement failed and nobody noticed.
        if (command !== 'COMMIT') throw new Error('the transaction was rolled back by the database')
        return result
      } catch (error) {
        await client.query('ROLLBACK').catch((rollbackError: Error) => {
          broken = rollbackError
        })
        throw error
      } finally {
        client.release(broken)
      }
    },

    listen: (channel, heard) => listen(settings, deps.logger, channel, heard),
    close: () => pool.end(),
  }
}

async function begin(client: PoolClient, opening?: Opening): Promise<void> {
  if (!opening) return void (await client.query('BEGIN'))
  // For several statements in one text, the client returns one result each.
  const results: unknown = await client.query(`BEGIN; ${opening.sql}`)
  const [, ...opened] = results as QueryResult<Record<string, unknown>>[]
  opening.admit(opened.map(({ rows }) => rows))
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

function listen(
  settings: ClientConfig,
  logger: Logger,
  channel: string,
  heard: (payload: string) => void,
): { close(): Promise<void> } {
  let client: Client | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false

  function connect(): void {
    const next = new Client(settings)
    client = next
    next.on('notification', (message) => heard(message.payload ?? ''))
    next.on('error', (error) => logger.warn({ err: error }, 'LISTEN connection lost'))
    next.on('end', () => {
      if (!closed) timer = setTimeout(connect, reconnectMs)
    })
    next
      .connect()
      .then(() => next.query(`LISTEN ${channel}`))
      .catch((error) => {
        logger.warn({ err: error }, 'cannot LISTEN')
        void next.end()
      })
  }

  connect()
  return {
    async close() {
      closed = true
      clearTimeout(timer)
      await client?.end()
    },
  }
}
