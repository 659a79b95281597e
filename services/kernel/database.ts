// Postgres: transactions that send their statements together where possible.
import type { PoolClient, QueryResult } from 'pg'
import { type Statement, send, statement } from './batch.ts'
import { type ConnectionDeps, createConnections, type PoolState } from './connections.ts'
import { isRolledBack, isStale, isUnavailable } from './database-errors.ts'

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
  /** The connections now. */
  connections(): PoolState
  /** Waits until no connection is in use, and closes them. */
  close(): Promise<void>
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

export function createDatabase(deps: ConnectionDeps): Database {
  const connections = createConnections(deps)

  async function batch(
    statements: Statement[],
    check?: () => void,
  ): Promise<Record<string, unknown>[][]> {
    const results = await connections.use(async (client) => {
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
      connections.use((client) =>
        using(
          client,
          () => runTransaction(client, work, first),
          () => rollBack(client),
        ),
      ),

    connections: connections.state,
    close: connections.close,
  }
}

/** Returns false when the connection is broken. */
function rollBack(client: PoolClient): Promise<boolean> {
  return client.query('ROLLBACK').then(
    () => true,
    () => false,
  )
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
