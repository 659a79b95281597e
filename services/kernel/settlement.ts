// Settles a delivery: handles its event, or records the failure and retries the event later or parks it.
import type { Envelope } from '@shop/events/envelope'
import { type Delivery, retryKey } from './bus.ts'
import { isUnavailable } from './database-errors.ts'
import { type Fence, GateClosed } from './gate.ts'
import { type Subscription, Unreadable } from './inbox.ts'
import type { Outbox } from './outbox.ts'
import { type Cause, type Failure, type ParsedBody, parseBody, recordFailure } from './parking.ts'
import type { Logger, Metrics } from './telemetry.ts'

export interface SettlementDeps {
  subscriptions: Subscription[]
  /** The service's name: the consumer of its inbox rows, and the receiver of its retries. */
  consumer: string
  outbox: Outbox
  logger: Logger
  metrics: Metrics
  /** The delay before the first retry. Each further retry doubles it. */
  retryBaseMs?: number
}

/** Resolves when the delivery can be acknowledged. `failures` is how often settling this delivery has thrown before. */
export type Settle = (fence: Fence, delivery: Delivery, failures: number) => Promise<void>

const maxAttempts = 8
/** When a handler kills its process, no failure is recorded. Only the broker counts the delivery. */
const maxDeliveries = 50
/** After this many database errors in a row, the message is assumed to be the cause. */
const maxDatabaseFailures = 20

type Verdict = Pick<Failure, 'state' | 'attempts' | 'cause' | 'reason'>

export function createSettlement(deps: SettlementDeps): { message: Settle; deadLetter: Settle } {
  const { consumer, outbox, logger, retryBaseMs = 250 } = deps
  const byType = new Map(deps.subscriptions.map((one) => [one.type, one]))

  async function record(
    fence: Fence,
    { body, attempt }: Delivery,
    message: ParsedBody,
    verdict: Verdict,
  ): Promise<void> {
    const { state, attempts, reason } = verdict
    const delayMs = retryBaseMs * 2 ** (attempts - 1) * (0.75 + Math.random() / 2)
    const isRecorded = await fence.transaction(async (tx) => {
      const isLatest = await recordFailure(tx, { consumer, message, body, attempt, ...verdict })
      if (isLatest && state === 'retrying' && message.event) {
        const { type } = message.event
        const copy = { type, json: message.json, service: consumer, attempt: attempts, delayMs }
        outbox.resend(tx, copy)
      }
      return isLatest
    })
    const fields = { messageId: message.id, attempts, reason }
    if (!isRecorded) return logger.debug(fields, 'dropped an older copy of a message')
    if (state === 'retrying') outbox.wake(delayMs)
    logger.warn(fields, state === 'parked' ? 'message parked' : 'handler failed; it will run again')
  }

  async function handle(
    fence: Fence,
    delivery: Delivery,
    message: ParsedBody,
    failures: number,
  ): Promise<string> {
    const attempts = delivery.attempt + 1
    const park = async (reason: string, cause: Cause = 'other') => {
      await record(fence, delivery, message, { state: 'parked', attempts, cause, reason })
      return 'parked'
    }
    if (!message.event) return park(message.problem)
    if (delivery.deliveryCount >= maxDeliveries) {
      return park(`delivered ${delivery.deliveryCount} times without an outcome`)
    }
    const subscription = byType.get(message.event.type)
    if (!subscription) return park(unhandled(message.event.type, [...byType.keys()]), 'unhandled')
    const forgery = forgeryOf(message.event, subscription, delivery.routingKey, retryKey(consumer))
    if (forgery) return park(forgery)
    try {
      return await subscription.receive(message.event, { consumer, outbox, fence })
    } catch (error) {
      if (error instanceof GateClosed) throw error
      if (isUnavailable(error) && failures < maxDatabaseFailures) throw error
      const reason = error instanceof Error ? error.message : String(error)
      if (error instanceof Unreadable || attempts >= maxAttempts) return park(reason)
      try {
        await record(fence, delivery, message, { state: 'retrying', attempts, reason })
      } catch (recordError) {
        if (!isUnstorable(recordError)) throw recordError
        return park(`${reason} (and it cannot be sent again: ${recordError.message})`)
      }
      return 'failed'
    }
  }

  return {
    async message(fence, delivery, failures) {
      const message = parseBody(delivery.body)
      // Unknown types must not become labels, because there may be any number of them.
      const type = message.event && byType.has(message.event.type) ? message.event.type : 'other'
      const observe = deps.metrics.handlerSeconds.startTimer({ type })
      let outcome = 'interrupted'
      try {
        outcome = await handle(fence, delivery, message, failures)
      } finally {
        observe({ outcome })
      }
    },

    async deadLetter(fence, delivery) {
      const { death, attempt } = delivery
      const reason = death ? `dead letter: ${death.reason} in ${death.queue}` : 'dead letter'
      const verdict: Verdict = { state: 'parked', attempts: attempt, reason }
      await record(fence, delivery, parseBody(delivery.body), verdict)
    },
  }
}

/**
 * Why the event is not from the service that publishes its type, or null. The broker lets a user publish with its own
 * routing keys only, so a key that fits the type proves the publisher. Retries come from this service itself.
 */
function forgeryOf(
  { type, source }: Envelope,
  subscription: Subscription,
  routingKey: string | null,
  retries: string,
): string | null {
  const expected = subscription.source
  if (expected !== undefined && source !== expected)
    return `${type} is an event of ${expected}, and this one is of ${source}`
  if (routingKey !== null && routingKey !== type && routingKey !== retries)
    return `${type} came with the routing key ${routingKey}`
  return null
}

function unhandled(type: string, handled: string[]): string {
  const nameOf = (one: string) => one.replace(/\.v\d+$/, '')
  const readable = handled.filter((one) => nameOf(one) === nameOf(type))
  return readable.length > 0
    ? `cannot read ${type}, only ${readable.join(', ')}`
    : `this version does not handle ${type}`
}

/** JSON can contain text that Postgres cannot store. */
function isUnstorable(error: unknown): error is Error {
  return error instanceof Error && /^22/.test(String((error as NodeJS.ErrnoException).code))
}
