// Postgres: a small pool, and transactions that send their statements together where possible.
import { Socket } from 'node:net'
import { Pool, type PoolClient, type QueryResult } from 'pg'
import { type Statement, send, statement } from './batch.ts'
import type { Logger } from './telemetry.ts'

/** Runs one statement and returns its rows. Each connection prepares a statement once. */
export interface Queries {
  query<Row>(text: string, values?: unknown[]): Promise<Row[]>
}

/** One transaction. Valid only inside the callback that receives it. */
export interface Transaction extends Queries {
  /** Sends a statement together with the next one, and ignores its rows. When it fails, the transaction fails. */
  execute(text: string, values?: unknown[]): void
}

export interface Database extends Queries {
  /**
   * Commits when `work` resolves. Rolls back and rejects when it rejects. The isolation level is READ COMMITTED.
   * Statements of one turn of the event loop are sent together. `first` runs before all of them. When it fails, none of
   * them has an effect or returns rows.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, first?: Statement): Promise<T>
  /**
   * Runs statements in one transaction and one round trip, and returns the rows of each. `check` is called when there is
   * a connection, right before the statements are sent. When it throws, they are not sent.
   */
  batch(statements: Statement[], check?: () => void): Promise<Record<string, unknown>[][]>
  /** Waits until no connection is in use, and closes them. */
  close(): Promise<void>
}

export interface DatabaseDeps {
  url: string
  /** Shown in the server's list of connections. */
  name: string
  logger: Logger
  pool?: {
    max: number
    /** Connections that stay open when idle. */
    min?: number
  }
}

const idleMs = 10_000

export function createDatabase(deps: DatabaseDeps): Database {
  const { max, min = 0 } = deps.pool ?? { max: 5 }
  const pool = new Pool({
    connectionString: deps.url,
    application_name: deps.name,
    // As long as a statement may take. On a busy machine it is better to wait than to fail.
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    // The server's timeout is shorter, so that its error arrives first. The client's includes the time of earlier statements.
    statement_timeout: 5_000,
    query_timeout: 6_000,
    idle_in_transaction_session_timeout: 5_000,
    // Send a statement before the earlier ones are answered.
    pipeline: true,
    stream: () => new OneWriteSocket(),
    max,
    min,
    idleTimeoutMillis: idleMs,
  })
  // A connection that breaks while in use emits an error. The query rejects too, and that is enough.
  pool.on('connect', (client) => client.on('error', () => {}))
  pool.on('error', (error) => deps.logger.warn({ err: error }, 'idle database connection lost'))

  async function connect(): Promise<PoolClient> {
    try {
      return await pool.connect()
    } catch (cause) {
      const message = `cannot connect to the database: ${reasonOf(cause)}`
      throw Object.assign(new Error(message, { cause }), { statusCode: 503 })
    }
  }

  /** Returns the connection to the pool after `work`, or closes it when a failure has left it unusable. */
  async function using<T>(
    client: PoolClient,
    work: () => Promise<T>,
    isUsableAfter: (error: unknown) => boolean | Promise<boolean>,
  ): Promise<T> {
    let broken: Error | undefined
    try {
      return await work()
    } catch (error) {
      const isUsable = await isUsableAfter(error)
      if (!isUsable || isStale(error)) broken = error as Error
      throw error
    } finally {
      client.release(broken)
    }
  }

  async function batch(
    statements: Statement[],
    check?: () => void,
  ): Promise<Record<string, unknown>[][]> {
    const client = await connect()
    try {
      check?.()
    } catch (error) {
      client.release()
      throw error
    }
    // Postgres runs a batch as one transaction, without BEGIN.
    const results = await using(client, () => send(client, statements), isRolledBack)
    return results.map(({ rows }) => rows)
  }

  return {
    batch,

    async query<Row>(text: string, values?: unknown[]) {
      const [rows] = await batch([statement(text, values)])
      return rows as Row[]
    },

    async transaction(work, first) {
      const client = await connect()
      return using(
        client,
        () => runTransaction(client, work, first),
        () => rollBack(client),
      )
    },

    close: () => pool.end(),
  }
}

/** Writes corked chunks as one buffer, which is cheaper than many small ones. */
class OneWriteSocket extends Socket {
  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer' as never, done)
  }
}

/** After an ERROR the server has rolled back the batch. */
function isRolledBack(error: unknown): boolean {
  return (error as { severity?: string }).severity === 'ERROR'
}

/** Returns false when the connection is broken. */
function rollBack(client: PoolClient): Promise<boolean> {
  return client.query('ROLLBACK').then(
    () => true,
    () => false,
  )
}

/** The prepared statements of the connection do not fit the database any more. */
function isStale(error: unknown): boolean {
  return /^(0A000|26000|42P05)$/.test(String(codeOf(error)))
}

/** Names the user and the database, but no password. When all addresses of a host fail, the error has only a code. */
function reasonOf(error: unknown): string {
  return (error as Error).message || String(codeOf(error))
}

async function runTransaction<T>(
  client: PoolClient,
  work: (tx: Transaction) => Promise<T>,
  first: Statement | undefined,
): Promise<T> {
  const turns = createTurns(client)
  turns.add(statement('BEGIN'))
  if (first) turns.add(first)
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
 * Collects the statements of one turn of the event loop, and sends them when the turn ends. They wait until the statements
 * of the previous turn have succeeded: after a failed BEGIN, each of them would commit on its own.
 */
function createTurns(client: PoolClient) {
  let waiting: { statement: Statement; answer: PromiseWithResolvers<QueryResult> }[] = []
  let answered: Promise<unknown> = Promise.resolve()
  let closed = false

  async function sendAfter(earlier: Promise<unknown>, turn: typeof waiting): Promise<void> {
    try {
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
      // An unhandled rejection would end the process.
      answer.promise.catch(() => {})
      waiting.push({ statement, answer })
      return answer.promise
    },
    end,
    /** Statements that are not sent yet are never sent, because the connection is about to be released. */
    close(): void {
      closed = true
    },
  }
}

/** The SQLSTATE, or the error code of the operating system. */
export function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code
}
