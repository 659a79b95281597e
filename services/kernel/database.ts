// Postgres: a small pool, and transactions that send their statements together where possible.
import { Socket } from 'node:net'
import { Client, Pool, type PoolClient, type QueryResult } from 'pg'
import { type Statement, send, statement } from './batch.ts'
import { createCircuit } from './circuit.ts'
import {
  isAway,
  isReadOnly,
  isRolledBack,
  isStale,
  isUnavailable,
  isVictim,
  notConnected,
} from './database-errors.ts'
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
   * Commits when `work` resolves. Rolls back and rejects when it rejects. The isolation level is READ COMMITTED. `work` may
   * run twice, for example after a deadlock.
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
/** After this time without a connection, the database may be away. */
const doubtMs = 1_000
const logInMs = 2_000
/** A connection that is younger shows that new ones are no better. */
const freshMs = 500

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
  const openedAt = new WeakMap<PoolClient, number>()
  /** Connections that were opened before are not used again. */
  let retiredBefore = 0
  pool.on('connect', (client) => {
    openedAt.set(client, performance.now())
    // A connection that breaks while in use emits an error. The query rejects too, and that is enough.
    client.on('error', () => {})
  })
  pool.on('error', (error) => deps.logger.warn({ err: error }, 'idle database connection lost'))
  const circuit = createCircuit({ probe: () => probe(deps), logger: deps.logger })

  async function connect(): Promise<PoolClient> {
    for (;;) {
      const client = await checkOut()
      if ((openedAt.get(client) ?? 0) >= retiredBefore) return client
      client.release(true)
    }
  }

  async function checkOut(): Promise<PoolClient> {
    // An idle connection is used, whether new ones can be opened or not.
    if (pool.idleCount > pool.waitingCount) return pool.connect()
    circuit.pass()
    const connecting = pool.connect()
    const doubt = setTimeout(circuit.doubt, doubtMs)
    try {
      return await circuit.unlessAway(connecting)
    } catch (cause) {
      // The circuit was first. If the connection is opened after all, the pool keeps it.
      connecting.then((client) => client.release()).catch(() => {})
      if (isAway(cause)) circuit.doubt()
      throw notConnected(cause)
    } finally {
      clearTimeout(doubt)
    }
  }

  /**
   * Runs `work` on a connection. Repeats it once after a deadlock, or on a new connection when this one is read-only: after
   * a failover, old connections may stay so.
   */
  async function attempt<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await connect()
    try {
      return await work(client)
    } catch (error) {
      const age = performance.now() - (openedAt.get(client) ?? 0)
      const isOutdated = isReadOnly(error) && age > freshMs
      if (isOutdated) retiredBefore = performance.now()
      if (!isOutdated && !isVictim(error)) throw error
      return await work(await connect())
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
      throw isUnavailable(error) ? Object.assign(error as Error, { statusCode: 503 }) : error
    } finally {
      client.release(broken)
    }
  }

  async function batch(
    statements: Statement[],
    check?: () => void,
  ): Promise<Record<string, unknown>[][]> {
    const results = await attempt(async (client) => {
      try {
        check?.()
      } catch (error) {
        client.release()
        throw error
      }
      // Postgres runs a batch as one transaction, without BEGIN.
      return using(client, () => send(client, statements), isRolledBack)
    })
    return results.map(({ rows }) => rows)
  }

  return {
    batch,

    async query<Row>(text: string, values?: unknown[]) {
      const [rows] = await batch([statement(text, values)])
      return rows as Row[]
    },

    transaction: (work, first) =>
      attempt((client) =>
        using(
          client,
          () => runTransaction(client, work, first),
          () => rollBack(client),
        ),
      ),

    async close() {
      circuit.close()
      await pool.end()
    },
  }
}

/** Writes corked chunks as one buffer, which is cheaper than many small ones. */
class OneWriteSocket extends Socket {
  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer' as never, done)
  }
}

/** Returns false when the connection is broken. */
function rollBack(client: PoolClient): Promise<boolean> {
  return client.query('ROLLBACK').then(
    () => true,
    () => false,
  )
}

async function probe({ url, name }: DatabaseDeps): Promise<void> {
  try {
    await logIn(url, name)
  } catch (error) {
    if (isAway(error)) throw notConnected(error)
  }
}

/** Opens a connection of its own, and closes it. */
export async function logIn(url: string, name: string): Promise<void> {
  const client = new Client({
    connectionString: url,
    application_name: name,
    connectionTimeoutMillis: logInMs,
  })
  // A connection that breaks later emits an error, which would end the process.
  client.on('error', () => {})
  try {
    await client.connect()
  } finally {
    // Not awaited: the server may hang.
    client.end().catch(() => {})
  }
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
