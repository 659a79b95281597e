// RabbitMQ: confirmed publishing and one consumer per queue; the topology is declared elsewhere.
import { setImmediate, setTimeout } from 'node:timers/promises'
import { type AsyncMessage, Connection, ConsumerStatus } from 'rabbitmq-client'
import type { Logger } from './telemetry.ts'

export interface Outgoing {
  id: string
  /** Also the routing key. */
  type: string
  body: string
}

export interface Consumption {
  /** True while the broker delivers to this pod. */
  active(): boolean
  /** How many messages are being handled right now. */
  inFlight(): number
  /** No new messages; resolves when those in hand are handled. The rest goes back to the queue. */
  stop(): Promise<void>
}

export interface Bus {
  connected(): boolean
  /** Publishes side by side; returns the reason of each message that the broker did not take. */
  publish(messages: Outgoing[]): Promise<Map<string, string>>
  /** Acknowledges when `handle` resolves; gives the message back a little later when it throws. */
  consume(queue: string, handle: (body: Buffer) => Promise<void>): Consumption
  close(): Promise<void>
}

export interface BusDeps {
  url: string
  /** Shown in the broker's list of connections. */
  name: string
  exchange: string
  logger: Logger
}

/** One less than the database pool has connections: handlers alone cannot use it up. */
const concurrency = 4
/** A little more than are handled at once, so that nobody waits for the network. */
const prefetchCount = 8
const confirmTimeoutMs = 3_000
const redeliverAfterMs = 1_000

export function createBus(deps: BusDeps): Bus {
  const connection = new Connection({
    url: deps.url,
    connectionName: deps.name,
    heartbeat: 5,
    connectionTimeout: 3_000,
    acquireTimeout: 2_000,
    retryLow: 100,
    retryHigh: 2_000,
  })
  connection.on('error', (error) => deps.logger.warn({ err: error }, 'broker connection lost'))
  connection.on('connection', () => deps.logger.info('broker connected'))

  const publisher = connection.createPublisher({ confirm: true })
  const returned = new Map<string, string>()
  publisher.on('basic.return', (message) => {
    returned.set(String(message.messageId), `returned: ${message.replyText}`)
  })

  async function publishOne(message: Outgoing): Promise<void> {
    const envelope = {
      exchange: deps.exchange,
      routingKey: message.type,
      messageId: message.id,
      type: message.type,
      contentType: 'application/cloudevents+json',
      durable: true,
      mandatory: true,
    }
    await publisher.send(envelope, Buffer.from(message.body))
  }

  return {
    connected: () => connection.ready,

    async publish(messages) {
      const failures = new Map(messages.map((message) => [message.id, 'no confirm in time']))
      const attempts = messages.map((message) =>
        publishOne(message).then(
          () => failures.delete(message.id),
          (error: Error) => failures.set(message.id, error.message),
        ),
      )
      await settledWithin(attempts, confirmTimeoutMs)
      // The client hands a returned message over one turn after the confirm that follows it.
      await setImmediate()
      for (const { id } of messages) {
        const reason = returned.get(id)
        if (reason !== undefined) failures.set(id, reason)
        returned.delete(id)
      }
      return new Map(failures)
    },

    consume: (queue, handle) => consume(connection, deps.logger, queue, handle),
    close: async () => {
      // Fails when it was about to reconnect, which is no longer of interest.
      await publisher.close().catch(() => {})
      await connection.close()
    },
  }
}

function consume(
  connection: Connection,
  logger: Logger,
  queue: string,
  handle: (body: Buffer) => Promise<void>,
): Consumption {
  let inFlight = 0
  const stopping = new AbortController()

  async function deliver(message: AsyncMessage): Promise<ConsumerStatus> {
    // Arrived between the cancel and its confirmation: nobody has looked at it yet.
    if (stopping.signal.aborted) return ConsumerStatus.REQUEUE
    inFlight += 1
    try {
      await handle(bytesOf(message.body))
      return ConsumerStatus.ACK
    } catch (error) {
      logger.error({ err: error, messageId: message.messageId }, 'handler failed; giving it back')
      await setTimeout(redeliverAfterMs, undefined, { signal: stopping.signal }).catch(() => {})
      return ConsumerStatus.REQUEUE
    } finally {
      inFlight -= 1
    }
  }

  const consumer = connection.createConsumer(
    { queue, queueOptions: { passive: true }, qos: { prefetchCount }, concurrency },
    deliver,
  )
  consumer.on('error', (error) => logger.warn({ err: error, queue }, 'consumer'))

  return {
    active: () => consumer.consumerTag !== '',
    inFlight: () => inFlight,
    async stop() {
      stopping.abort()
      await consumer.close()
    },
  }
}

/** The client has parsed already what came as text or plain JSON. */
function bytesOf(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

async function settledWithin(work: Promise<unknown>[], ms: number): Promise<void> {
  const timer = new AbortController()
  const timeout = setTimeout(ms, undefined, { signal: timer.signal }).catch(() => {})
  await Promise.race([Promise.all(work), timeout])
  timer.abort()
}
