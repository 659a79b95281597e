// RabbitMQ: publishes with confirms, and consumes queues. The rabbitmq chart declares exchanges and queues.
import { setTimeout } from 'node:timers/promises'
import { type AsyncMessage, Connection, ConsumerStatus } from 'rabbitmq-client'
import { acquireTimeoutMs, createPublisher, type Outgoing, type Publication } from './publisher.ts'
import type { Logger } from './telemetry.ts'

export interface Delivery {
  body: Buffer
  /** The routing key of the events' exchange. Null when an administrator sent it to the queue directly. */
  routingKey: string | null
  /** How often its handling has failed so far. The publisher counts. */
  attempt: number
  /** How often it was delivered before and not settled. The broker counts. */
  deliveryCount: number
  /** Why and in which queue it was dead-lettered, or null. */
  death: { reason: string; queue: string } | null
}

export interface Consumption {
  /** True while the broker delivers to this pod. */
  active(): boolean
  /** Deliveries that are not settled. */
  inFlight(): number
  /** Cancels the consumer and requeues prefetched messages. Resolves when all other deliveries are settled. */
  stop(): Promise<void>
}

/** Returns true to acknowledge and false to requeue. Must not throw. Should end soon after `stopping` is aborted. */
export type Receiver = (delivery: Delivery, stopping: AbortSignal) => Promise<boolean>

export interface Bus {
  connected(): boolean
  /** Why the broker takes no messages at the moment: it raises an alarm. Null when it takes them. */
  blocked(): string | null
  /** Publishes all messages at once. Throws when there is no connection. */
  publish<Message extends Outgoing>(messages: Message[]): Promise<Publication<Message>>
  /** Gives `receive` up to `concurrency` deliveries at once. */
  consume(queue: string, concurrency: number, receive: Receiver): Consumption
  /** The number of messages that are ready in a queue. */
  depth(queue: string): Promise<number>
  close(): Promise<void>
}

export interface BusDeps {
  url: string
  /** Shown in the broker's list of connections. */
  name: string
  exchange: string
  logger: Logger
}

/** Channels close within this time, unless the broker is blocked or frozen. */
const closeMs = 1_000

/**
 * Two connections: when the broker raises an alarm for its memory or disk, it reads nothing from a connection that
 * publishes, not even the commands of a consumer.
 */
export function createBus(deps: BusDeps): Bus {
  const publishing = connect(deps, 'publisher')
  const consuming = connect(deps, 'consumer')
  const publisher = createPublisher(publishing, deps.exchange, deps.logger)

  return {
    connected: () => consuming.ready && (publishing.ready || publisher.blocked() !== null),
    blocked: publisher.blocked,
    publish: publisher.publish,
    consume: (queue, concurrency, receive) =>
      consume({ connection: consuming, logger: deps.logger, queue, concurrency, receive }),
    depth: async (queue) => (await consuming.queueDeclare({ queue, passive: true })).messageCount,
    async close() {
      await Promise.all([
        within(
          closeMs,
          publisher.close().then(() => publishing.close()),
        ),
        within(closeMs, consuming.close()),
      ])
      publishing.unsafeDestroy()
      consuming.unsafeDestroy()
    },
  }
}

function connect({ url, name, logger }: BusDeps, purpose: string): Connection {
  const connection = new Connection({
    url,
    connectionName: `${name} ${purpose}`,
    heartbeat: 5,
    connectionTimeout: 3_000,
    acquireTimeout: acquireTimeoutMs,
    retryLow: 100,
    retryHigh: 2_000,
    // With Nagle's algorithm, a small frame waits up to 40 ms for the TCP acknowledgement of the previous one.
    noDelay: true,
  })
  connection.on('error', (error) => logger.warn({ err: error, purpose }, 'broker connection lost'))
  connection.on('connection', () => logger.info({ purpose }, 'broker connected'))
  return connection
}

/** Resolves after `ms` at the latest. It does not matter why closing a connection failed. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  await Promise.race([work.catch(() => {}), setTimeout(ms, undefined, { ref: false })])
}

/** The routing key that is bound to the queue of this service alone. */
export function retryKey(service: string): string {
  return `retry.${service}`
}

export function deadLettersOf(queue: string): string {
  return `${queue}.dead`
}

function consume({
  connection,
  logger,
  queue,
  concurrency,
  receive,
}: {
  connection: Connection
  logger: Logger
  queue: string
  concurrency: number
  receive: Receiver
}): Consumption {
  let inFlight = 0
  const stopping = new AbortController()

  async function deliver(message: AsyncMessage): Promise<ConsumerStatus> {
    // The message arrived between the cancel and the broker's answer.
    if (stopping.signal.aborted) return ConsumerStatus.REQUEUE
    inFlight += 1
    try {
      const done = await receive(deliveryOf(message), stopping.signal)
      return done ? ConsumerStatus.ACK : ConsumerStatus.REQUEUE
    } finally {
      inFlight -= 1
    }
  }

  // The prefetch is the same, so that no delivery waits in the client library.
  const consumer = connection.createConsumer(
    { queue, queueOptions: { passive: true }, qos: { prefetchCount: concurrency }, concurrency },
    deliver,
  )
  consumer.on('error', (error) => logger.warn({ err: error, queue }, 'consumer'))

  return {
    active: () => consumer.consumerTag !== '',
    inFlight: () => inFlight + consumer.stats.prefetched,
    async stop() {
      stopping.abort()
      await consumer.close()
    },
  }
}

function deliveryOf({ body, exchange, routingKey, headers = {} }: AsyncMessage): Delivery {
  const [death] = Array.isArray(headers['x-death']) ? headers['x-death'] : []
  return {
    body: bytesOf(body),
    routingKey: exchange === '' ? null : routingKey,
    attempt: countOf(headers['x-attempt']),
    deliveryCount: countOf(headers['x-delivery-count']),
    death: death ? { reason: String(death.reason), queue: String(death.queue) } : null,
  }
}

function countOf(header: unknown): number {
  return Number.isSafeInteger(header) && Number(header) > 0 ? Number(header) : 0
}

/** The client has already parsed text and JSON. */
function bytesOf(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}
