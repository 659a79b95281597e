// Postgres: a small pool and transactions, whose statements travel together where nobody waits for one of them.
import { Socket } from 'node:net'
import { Pool, type PoolClient, type QueryResult } from 'pg'
import { type Statement, send, statement } from './batch.ts'
import type { Logger } from './telemetry.ts'

/** Runs one statement and returns its rows. Statements are prepared once per connection. */
export interface Queries {
  query<Row>(text: string, values?: unknown[]): Promise<Row[]>
}

/** Queries that stand or fall together; only valid inside the callback that received it. */
export interface Transaction extends Queries {
  /** Runs a statement whose rows nobody needs, together with the next one. Where it fails, so does the transaction. */
  execute(text: string, values?: unknown[]): void
}

export interface Database extends Queries {
  /**
   * Commits what `work` did, or rolls it back and throws what `work` threw. READ COMMITTED. What is asked at one turn
   * of the event loop travels together. `opening` goes first: where it fails, nothing else has an effect or a row.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, opening?: Statement): Promise<T>
  /**
   * A transaction of statements that need nothing of each other, carried out by the server at once. Rows of each.
   * `check` is called when there is a connection, right before they leave; where it throws, they do not.
   */
  atOnce(statements: Statement[], check?: () => void): Promise<Record<string, unknown>[][]>
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
    // As long as a statement may take: on a busy machine who waits is served better than who is turned away.
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    // The server gives up first, so that the client learns the reason; the client's time includes the statements before.
    statement_timeout: 5_000,
    query_timeout: 6_000,
    idle_in_transaction_session_timeout: 5_000,
    // What is sent need not wait for the answers of what was sent before.
    pipeline: true,
    stream: () => new OneWriteSocket(),
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

  async function atOnce(
    statements: Statement[],
    check?: () => void,
  ): Promise<Record<string, unknown>[][]> {
    const client = await connect()
    let broken: Error | undefined
    try {
      check?.()
      // What the server gets as one is a transaction without being told.
      return (await send(client, statements)).map(({ rows }) => rows)
    } catch (error) {
      if (!isMereRefusal(error)) broken = error as Error
      throw error
    } finally {
      client.release(broken)
    }
  }

  return {
    atOnce,

    async query<Row>(text: string, values?: unknown[]) {
      const [rows] = await atOnce([statement(text, values)])
      return rows as Row[]
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

/** Writes what was held back as one piece, which costs less than a list of small ones. */
class OneWriteSocket extends Socket {
  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer' as never, done)
  }
}

/** What the server has refused it has undone as well, unless the connection's prepared statements are the reason. */
function isMereRefusal(error: unknown): boolean {
  return (
    (error as { severity?: string }).severity === 'ERROR' &&
    !/^(0A000|26000|42P05)$/.test(String(codeOf(error)))
  )
}

async function runTransaction<T>(
  client: PoolClient,
  work: (tx: Transaction) => Promise<T>,
  opening: Statement | undefined,
): Promise<T> {
  const turns = createTurns(client)
  turns.add(statement('BEGIN'))
  if (opening) turns.add(opening)
  const tx: Transaction = {
    async query<Row>(text: string, values?: unknown[]) {
      const answer = turns.add(statement(text, values))
      queueMicrotask(turns.end)
      return (await answer).rows as Row[]
    },
    execute: (text, values) => void turns.add(statement(text, values)),
  }
  try {
    const result = await work(tx)
    const commit = turns.add(statement('COMMIT'))
    turns.end()
    await commit
    return result
  } finally {
    turns.close()
  }
}

/**
 * Collects the statements of one turn of the event loop, and sends them together when it ends. Nothing leaves before what
 * left earlier has succeeded: where BEGIN has failed, the next statement would commit by itself.
 */
function createTurns(client: PoolClient) {
  let waiting: { statement: Statement; answer: PromiseWithResolvers<QueryResult> }[] = []
  let answered: Promise<unknown> = Promise.resolve()
  let closed = false

  async function sendAfter(earlier: Promise<unknown>, turn: typeof waiting): Promise<void> {
    try {
      // What failed first says why.
      await earlier
      if (closed) throw new Error('the transaction has ended')
      const statements = turn.map(({ statement }) => statement)
      const results = await send(client, statements)
      for (const [n, { answer }] of turn.entries()) answer.resolve(results[n] as QueryResult)
    } catch (error) {
      for (const { answer } of turn) answer.reject(error)
      throw error
    }
  }

  function end(): void {
    if (waiting.length === 0) return
    const turn = waiting
    waiting = []
    answered = sendAfter(answered, turn)
    answered.catch(() => {})
  }

  return {
    add(statement: Statement): Promise<QueryResult> {
      const answer = Promise.withResolvers<QueryResult>()
      // A rejection that nobody has awaited yet would end the process.
      answer.promise.catch(() => {})
      waiting.push({ statement, answer })
      return answer.promise
    },
    end,
    /** The connection is about to be another's: what has not left yet, never will. */
    close(): void {
      closed = true
    },
  }
}

/** SQLSTATE, or an operating system's code. */
export function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code
}
