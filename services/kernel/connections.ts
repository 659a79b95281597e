// The connections of a pod to its database: a small pool, and what a failed or outdated connection means.
import { Socket } from 'node:net'
import { Client, Pool, type PoolClient } from 'pg'
import { createCircuit } from './circuit.ts'
import { isAway, isReadOnly, isVictim, notConnected } from './database-errors.ts'
import type { Logger } from './telemetry.ts'

export interface ConnectionDeps {
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

export interface PoolState {
  idle: number
  used: number
  /** Requests for a connection. */
  waiting: number
}

export interface Connections {
  /**
   * Runs `work` on a connection, which `work` releases. Repeats it once after a deadlock, or on a new connection when this
   * one is read-only: after a failover, old connections may stay so.
   */
  use<T>(work: (client: PoolClient) => Promise<T>): Promise<T>
  state(): PoolState
  close(): Promise<void>
}

const idleMs = 10_000
/** After this time without a connection, the database may be away. */
const doubtMs = 1_000
const logInMs = 2_000
/** A connection that is younger shows that new ones are no better. */
const freshMs = 500

export function createConnections(deps: ConnectionDeps): Connections {
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

  async function use<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
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

  return {
    use,
    state: () => ({
      idle: pool.idleCount,
      used: pool.totalCount - pool.idleCount,
      waiting: pool.waitingCount,
    }),
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

async function probe({ url, name }: ConnectionDeps): Promise<void> {
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
