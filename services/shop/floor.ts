// The baseline for the shop's throughput: a script that does as many transactions and confirmed publishes per order as the
// four services, with the same Postgres and broker, and nothing else.
import { randomUUID } from 'node:crypto'
import { Pool } from 'pg'
import { Connection, type Publisher } from 'rabbitmq-client'

/**
 * The transactions of the services for a confirmed order, counted from their code:
 *
 *   order         stores the order, with its event        1   then order.placed
 *   inventory     reserves                                1   then stock.reserved, to two queues
 *   order         notes the reservation                   1
 *   payment       intent, charge, capture                 3   then payment.captured
 *   order         confirms                                1   then order.confirmed, to two queues
 *   inventory     sells                                   1
 *   notification  attempt, sent                           2
 *   relay         deletes an event from the outbox        4   one per event
 *
 * Not counted: polls of idle relays, readiness checks, deliveries and their acknowledgements.
 */
export const perOrder = {
  writes: 10,
  /** The number of queues of each event. Each event is one publish and one transaction that deletes the event. */
  events: [1, 2, 1, 2],
} as const

export interface FloorOptions {
  /** The user must be allowed to create tables. */
  databaseUrl: string
  /** The user must be allowed to declare exchanges and queues. */
  amqpUrl: string
  /** Orders at the same time. Each live pod of the shop handles four messages at the same time. */
  concurrency: number
  seconds: number
}

export interface Floor {
  orders: number
  seconds: number
  ordersPerSecond: number
}

/** About as large as an order with its event. */
const event = JSON.stringify({ filling: 'x'.repeat(500) })
/** There is no consumer, so the queue drops its oldest messages. */
const queueArguments = {
  'x-queue-type': 'quorum',
  'x-max-length': 1_000,
  'x-overflow': 'drop-head',
} as const

const routingKeys = { 1: 'one', 2: 'both' } as const

async function openDatabase({ databaseUrl, concurrency }: FloorOptions) {
  const pool = new Pool({ connectionString: databaseUrl, max: concurrency })
  pool.on('error', () => {})
  const table = `floor_${randomUUID().replaceAll('-', '')}`
  await pool.query(`CREATE TABLE ${table} (id uuid PRIMARY KEY, event jsonb NOT NULL)`)
  const statements = {
    insert: { name: 'insert', text: `INSERT INTO ${table} (id, event) VALUES ($1, $2)` },
    remove: { name: 'remove', text: `DELETE FROM ${table} WHERE id = $1` },
  }
  return {
    /** One statement in one transaction. */
    insert: (id: string) => pool.query(statements.insert, [id, event]),
    remove: (id: string) => pool.query(statements.remove, [id]),
    async close() {
      await pool.query(`DROP TABLE ${table}`)
      await pool.end()
    },
  }
}

async function openBroker({ amqpUrl }: FloorOptions) {
  const connection = new Connection({ url: amqpUrl, noDelay: true })
  connection.on('error', () => {})
  const exchange = `floor.${randomUUID()}`
  const queues = ['one', 'two'].map((name) => `${exchange}.${name}`)
  await connection.exchangeDeclare({ exchange, type: 'topic', durable: true })
  for (const queue of queues)
    await connection.queueDeclare({ queue, durable: true, arguments: queueArguments })
  const [one = '', two = ''] = queues
  await connection.queueBind({ queue: one, exchange, routingKey: routingKeys[1] })
  for (const queue of [one, two])
    await connection.queueBind({ queue, exchange, routingKey: routingKeys[2] })
  const publisher: Publisher = connection.createPublisher({ confirm: true })
  return {
    /** Resolves with the broker's confirm. */
    publish: (messageId: string, toQueues: 1 | 2) =>
      publisher.send(
        { exchange, routingKey: routingKeys[toQueues], messageId, durable: true, mandatory: true },
        Buffer.from(event),
      ),
    async close() {
      await publisher.close()
      for (const queue of queues) await connection.queueDelete({ queue })
      await connection.exchangeDelete({ exchange })
      await connection.close()
    },
  }
}

/** A closed loop: each of `concurrency` workers does one order after another. Afterwards deletes everything it created. */
export async function measureFloor(options: FloorOptions): Promise<Floor> {
  const database = await openDatabase(options)
  const broker = await openBroker(options)

  const order = async (): Promise<void> => {
    const ids = Array.from({ length: perOrder.writes }, () => randomUUID())
    for (const [n, id] of ids.entries()) {
      await database.insert(id)
      const queues = perOrder.events[n]
      if (!queues) continue
      await broker.publish(id, queues)
      await database.remove(id)
    }
  }

  const started = performance.now()
  const end = started + options.seconds * 1000
  let orders = 0
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      await order()
      orders += 1
    }
  }
  try {
    await Promise.all(Array.from({ length: options.concurrency }, worker))
    const seconds = (performance.now() - started) / 1000
    return { orders, seconds, ordersPerSecond: orders / seconds }
  } finally {
    await database.close()
    await broker.close()
  }
}
