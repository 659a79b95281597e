// RabbitMQ: publishes with confirms, and consumes queues. The rabbitmq chart declares exchanges and queues.
import { setImmediate } from 'node:timers/promises'
import {
  AMQPConnectionError,
  type AMQPError,
  type AsyncMessage,
  type Channel,
  Connection,
  ConsumerStatus,
} from 'rabbitmq-client'
import { faultPoint } from './faults.ts'
import type { Logger } from './telemetry.ts'

export interface Outgoing {
  /** The event's id, by which consumers recognize a repeated delivery. */
  id: string
  type: string
  routingKey: string
  /** How often its handling has failed so far. */
  attempt: number
  body: string
}

/** A message in neither list was not confirmed before the connection was lost. The broker may have received it. */
export interface Publication<Message extends Outgoing = Outgoing> {
  confirmed: Message[]
  /** Messages that were returned as unroutable, rejected by a queue, or not confirmed in time. */
  refused: { message: Message; reason: string }[]
}

export interface Delivery {
  body: Buffer
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

const acquireTimeoutMs = 2_000
/**
 * The relay waits for confirms in a transaction, so this and `acquireTimeoutMs` together are less than
 * `idle_in_transaction_session_timeout`.
 */
const confirmTimeoutMs = 2_500

export function createBus(deps: BusDeps): Bus {
  const connection = new Connection({
    url: deps.url,
    connectionName: deps.name,
    heartbeat: 5,
    connectionTimeout: 3_000,
    acquireTimeout: acquireTimeoutMs,
    retryLow: 100,
    retryHigh: 2_000,
    // With Nagle's algorithm, a small frame waits up to 40 ms for the TCP acknowledgement of the previous one.
    noDelay: true,
  })
  connection.on('error', (error) => deps.logger.warn({ err: error }, 'broker connection lost'))
  connection.on('connection', () => deps.logger.info('broker connected'))
  const publisher = createPublisher(connection, deps.exchange)

  return {
    connected: () => connection.ready,
    publish: publisher.publish,
    consume: (queue, concurrency, receive) =>
      consume({ connection, logger: deps.logger, queue, concurrency, receive }),
    depth: async (queue) => (await connection.queueDeclare({ queue, passive: true })).messageCount,
    close: async () => {
      // This fails when the connection is lost, which does not matter any more.
      await publisher.close().catch(() => {})
      await connection.close()
    },
  }
}

function createPublisher(connection: Connection, exchange: string) {
  /**
   * The reasons of `basic.return`, by message id. Each publication in progress has a map, because two publications may
   * contain copies of one event.
   */
  const returns = new Set<Map<string, string>>()
  let current: Channel | undefined
  let opening: Promise<Channel> | undefined

  async function open(): Promise<Channel> {
    const opened = await connection.acquire()
    opened.on('basic.return', (message) => {
      for (const returned of returns) {
        returned.set(String(message.messageId), `returned: ${message.replyText}`)
      }
    })
    await opened.confirmSelect()
    current = opened
    return opened
  }

  async function openChannel(): Promise<Channel> {
    if (current?.active) return current
    opening ??= open().finally(() => {
      opening = undefined
    })
    return opening
  }

  async function publish<Message extends Outgoing>(
    messages: Message[],
  ): Promise<Publication<Message>> {
    const channel = await openChannel()
    const returned = new Map<string, string>()
    returns.add(returned)
    const unsettled = new Set(messages)
    /** Neither confirmed nor refused before the channel was closed. */
    const unknown = new Set<Message>()
    const refusals = new Map<Message, string>()
    const confirms = messages.map((message) => {
      return channel.basicPublish(envelopeOf(message, exchange), Buffer.from(message.body)).then(
        () => void unsettled.delete(message),
        (error: AMQPError) => {
          unsettled.delete(message)
          if (isChannelClosed(error)) unknown.add(message)
          else refusals.set(message, error.message)
        },
      )
    })
    // One turn later, the messages are sent and the broker cannot have answered yet.
    void setImmediate().then(() => faultPoint('relay.published'))
    await settledWithin(confirms, confirmTimeoutMs)
    // The broker sends a return before its confirm, but the client emits the return one turn after the confirm.
    await setImmediate()
    returns.delete(returned)
    for (const message of messages) {
      const reason = returned.get(message.id) ?? (unsettled.has(message) && 'no confirm in time')
      if (reason) refusals.set(message, reason)
    }
    return {
      confirmed: messages.filter((message) => !refusals.has(message) && !unknown.has(message)),
      refused: [...refusals].map(([message, reason]) => ({ message, reason })),
    }
  }

  return { publish, close: async () => current?.close() }
}

/** The routing key that is bound to the queue of this service alone. */
export function retryKey(service: string): string {
  return `retry.${service}`
}

export function deadLettersOf(queue: string): string {
  return `${queue}.dead`
}

function envelopeOf(message: Outgoing, exchange: string) {
  return {
    exchange,
    routingKey: message.routingKey,
    messageId: message.id,
    type: message.type,
    contentType: 'application/cloudevents+json',
    headers: { 'x-attempt': message.attempt },
    durable: true,
    mandatory: true,
  }
}

/** The broker may or may not have received the message. */
function isChannelClosed(error: AMQPError): boolean {
  return error instanceof AMQPConnectionError || error.code === 'CH_CLOSE'
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

function deliveryOf({ body, headers = {} }: AsyncMessage): Delivery {
  const [death] = Array.isArray(headers['x-death']) ? headers['x-death'] : []
  return {
    body: bytesOf(body),
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

async function settledWithin(work: Promise<unknown>[], ms: number): Promise<void> {
  const timeout = Promise.withResolvers<void>()
  const timer = setTimeout(timeout.resolve, ms)
  await Promise.race([Promise.all(work), timeout.promise])
  clearTimeout(timer)
}
