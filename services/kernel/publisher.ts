// Publishes with confirms, and says of each message whether the broker has it.
import { setImmediate } from 'node:timers/promises'
import {
  AMQPChannelError,
  AMQPConnectionError,
  type AMQPError,
  type Channel,
  type Connection,
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

export const acquireTimeoutMs = 2_000
/**
 * The relay waits for confirms in a transaction, so this and `acquireTimeoutMs` together are less than
 * `idle_in_transaction_session_timeout`.
 */
const confirmTimeoutMs = 2_500

export interface Publisher {
  publish<Message extends Outgoing>(messages: Message[]): Promise<Publication<Message>>
  /** See `Bus`. */
  blocked(): string | null
  close(): Promise<void>
}

/** `connection` is used for nothing else: a blocked one accepts no commands. */
export function createPublisher(
  connection: Connection,
  exchange: string,
  logger: Logger,
): Publisher {
  const block = watchBlock(connection, logger)
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

  async function publishTogether<Message extends Outgoing>(
    messages: Message[],
  ): Promise<Publication<Message> & { channelError: string | null }> {
    const channel = await openChannel()
    const returned = new Map<string, string>()
    returns.add(returned)
    const unsettled = new Set(messages)
    /** Neither confirmed nor refused before the channel was closed. */
    const unknown = new Set<Message>()
    const refusals = new Map<Message, string>()
    let channelError: string | null = null
    const confirms = messages.map((message) => {
      return channel.basicPublish(envelopeOf(message, exchange), Buffer.from(message.body)).then(
        () => {
          unsettled.delete(message)
        },
        (error: AMQPError) => {
          unsettled.delete(message)
          if (error.code === 'NACK') {
            refusals.set(message, error.message)
            return
          }
          unknown.add(message)
          if (!isChannelClosed(error)) channelError = error.message
        },
      )
    })
    // One turn later, the messages are sent and the broker cannot have answered yet.
    void setImmediate().then(() => faultPoint('relay.published'))
    await settledWithin(confirms, confirmTimeoutMs, block)
    // The broker sends a return before its confirm, but the client emits the return one turn after the confirm.
    await setImmediate()
    returns.delete(returned)
    for (const message of messages) {
      const reason = returned.get(message.id)
      if (reason) refusals.set(message, reason)
      else if (unsettled.has(message)) {
        if (block.reason() === null) refusals.set(message, 'no confirm in time')
        else unknown.add(message)
      }
    }
    return {
      confirmed: messages.filter((message) => !refusals.has(message) && !unknown.has(message)),
      refused: [...refusals].map(([message, reason]) => ({ message, reason })),
      channelError,
    }
  }

  /** The broker closes the channel because of one message, and does not say which. So each is published alone. */
  async function publishSingly<Message extends Outgoing>(
    messages: Message[],
  ): Promise<Publication<Message>> {
    const publication: Publication<Message> = { confirmed: [], refused: [] }
    for (const message of messages) {
      const { confirmed, refused, channelError } = await publishTogether([message])
      publication.confirmed.push(...confirmed)
      publication.refused.push(...refused)
      if (channelError !== null) publication.refused.push({ message, reason: channelError })
    }
    return publication
  }

  return {
    async publish(messages) {
      const { confirmed, refused, channelError } = await publishTogether(messages)
      if (channelError === null) return { confirmed, refused }
      const known = new Set([...confirmed, ...refused.map(({ message }) => message)])
      const rest = await publishSingly(messages.filter((message) => !known.has(message)))
      return {
        confirmed: [...confirmed, ...rest.confirmed],
        refused: [...refused, ...rest.refused],
      }
    },
    blocked: block.reason,
    close: async () => current?.close(),
  }
}

/** Follows the broker's alarms, of which it tells a connection that publishes. */
function watchBlock(connection: Connection, logger: Logger) {
  let reason: string | null = null
  const listeners = new Set<() => void>()
  connection.on('connection.blocked', (why) => {
    reason = why
    for (const listener of listeners) listener()
    logger.warn({ reason }, 'the broker raises an alarm and takes no messages')
  })
  const end = (): void => {
    if (reason === null) return
    reason = null
    logger.info('the broker takes messages again')
  }
  connection.on('connection.unblocked', end)
  // A channel error leaves the connection, and its block, as they are.
  connection.on('error', (error) => {
    if (!(error instanceof AMQPChannelError)) end()
  })
  return {
    reason: () => reason,
    /** Calls `listener` when a block begins, or now during one. Returns what ends that. */
    onBegin(listener: () => void): () => void {
      if (reason !== null) listener()
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
  }
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

/** Waits until all work has ended, for `ms` at most, and until the broker blocks the connection. */
async function settledWithin(
  work: Promise<unknown>[],
  ms: number,
  block: ReturnType<typeof watchBlock>,
): Promise<void> {
  const over = Promise.withResolvers<void>()
  const timer = setTimeout(over.resolve, ms)
  const off = block.onBegin(over.resolve)
  await Promise.race([Promise.all(work), over.promise])
  off()
  clearTimeout(timer)
}
