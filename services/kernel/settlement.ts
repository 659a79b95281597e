// Settles a delivery: handles its event, or records the failure and retries the event later or parks it.
import type { Envelope } from '@shop/events/envelope'
import { type Delivery, retryKey } from './bus.ts'
import { codeOf, isUnavailable } from './database-errors.ts'
import { Away, NotYet, Poison } from './failures.ts'
import { type Fence, GateClosed } from './gate.ts'
import type { Subscription } from './inbox.ts'
import type { Metrics, Outcome } from './metrics.ts'
import type { Outbox } from './outbox.ts'
import {
  type Failure,
  named,
  type ParsedBody,
  parseBody,
  recordFailure,
  within,
} from './parking.ts'
import { process as processSpan, type Tracer } from './spans.ts'
import { type Logger, traceIdOf, withoutRedaction } from './telemetry.ts'
import {
  type Access,
  accessTo,
  forgetOutage,
  type Pause,
  passProbe,
  pause,
  recordWaiting,
  resume,
} from './waiting.ts'

export interface SettlementDeps {
  subscriptions: Subscription[]
  /** The service's name: the consumer of its inbox rows, and the receiver of its retries. */
  consumer: string
  outbox: Outbox
  logger: Logger
  metrics: Metrics
  tracer: Tracer
  now: () => Date
  /** The delay before the first retry. Each further retry doubles it. */
  retryBaseMs?: number
  /** The first pause when another system is away. Each further pause doubles it. */
  pauseBaseMs?: number
}

/** Resolves when the delivery can be acknowledged. `failures` is how often settling this delivery has thrown before. */
export type Settle = (fence: Fence, delivery: Delivery, failures: number) => Promise<void>

const maxAttempts = 8
/** When a handler kills its process, no failure is recorded. Only the broker counts the delivery. */
const maxDeliveries = 50
/** After this many database errors in a row, the message is assumed to be the cause. */
const maxDatabaseFailures = 20

type Verdict = Pick<Failure, 'state' | 'attempts' | 'cause' | 'reason'>
type Refusal = Pick<Failure, 'cause' | 'reason'>
interface Handling {
  event: Envelope
  subscription: Subscription
}

export function createSettlement(deps: SettlementDeps): { message: Settle; deadLetter: Settle } {
  const { consumer, outbox, logger, retryBaseMs = 250, pauseBaseMs = 1_000 } = deps
  const events = withoutRedaction(logger)
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
    const fields = { ...named(message), attempts, reason }
    if (!isRecorded) return logger.debug(fields, 'dropped an older copy of a message')
    if (state === 'parked') return logger.warn({ ...fields, outcome: 'parked' }, 'message parked')
    outbox.wake(delayMs)
    logger.warn({ ...fields, outcome: 'failed' }, 'handler failed; it will run again')
  }

  async function park(
    fence: Fence,
    delivery: Delivery,
    message: ParsedBody,
    { reason, cause = 'other' }: Refusal,
  ): Promise<Outcome> {
    const attempts = delivery.attempt + 1
    await record(fence, delivery, message, { state: 'parked', attempts, cause, reason })
    return 'parked'
  }

  /** Parks the message when it cannot be stored as an event that is sent again. */
  async function parkUnstorable(
    parts: [Fence, Delivery, ParsedBody],
    reason: string,
    store: () => Promise<Outcome>,
  ): Promise<Outcome> {
    try {
      return await store()
    } catch (error) {
      if (!isUnstorable(error)) throw error
      return park(...parts, { reason: `${reason} (and it cannot be sent again: ${error.message})` })
    }
  }

  /** The message waits, without a failed attempt. With `away`, all others that need the same system wait too. */
  async function wait(
    fence: Fence,
    { body, attempt }: Delivery,
    message: ParsedBody,
    { reason, alone, away }: { reason: string; alone: boolean; away: Pause | null },
  ): Promise<Outcome> {
    const { result, failures } = await fence.transaction(async (tx) => ({
      failures: away && (await pause(tx, away)),
      result: await recordWaiting(
        tx,
        { consumer, message, body, attempt, reason },
        { alone, baseMs: pauseBaseMs },
      ),
    }))
    const outcome = alone ? 'postponed' : 'waiting'
    const fields = { ...named(message), outcome, reason }
    if (failures) {
      const { dependency } = away ?? {}
      logger.error({ dependency, failures, reason }, 'is away; the events that need it wait')
    } else if (result === 'given up') logger.warn(fields, 'waited for a day; message parked')
    else logger[alone ? 'warn' : 'debug'](fields, 'the message waits')
    return outcome
  }

  async function attempt(
    fence: Fence,
    delivery: Delivery,
    message: ParsedBody,
    { event, subscription, failures }: Handling & { failures: number },
  ): Promise<Outcome> {
    const parts: [Fence, Delivery, ParsedBody] = [fence, delivery, message]
    try {
      return await subscription.receive(event, { consumer, outbox, fence })
    } catch (error) {
      if (error instanceof GateClosed) throw error
      const reason = error instanceof Error ? error.message : String(error)
      if (error instanceof Away || error instanceof NotYet) {
        const away = pauseFor(subscription, message.id, error, pauseBaseMs)
        return parkUnstorable(parts, reason, () => wait(...parts, { reason, alone: !away, away }))
      }
      if (isUnavailable(error) && failures < maxDatabaseFailures) throw error
      const attempts = delivery.attempt + 1
      if (error instanceof Poison || attempts >= maxAttempts) return park(...parts, { reason })
      return parkUnstorable(parts, reason, async () => {
        await record(...parts, { state: 'retrying', attempts, reason })
        return 'failed'
      })
    }
  }

  async function handle(
    fence: Fence,
    delivery: Delivery,
    message: ParsedBody,
    failures: number,
  ): Promise<Outcome> {
    const handling = handlingOf(delivery, message)
    if ('reason' in handling) return park(fence, delivery, message, handling)
    const { needs = null } = handling.subscription
    const access = await accessFor(fence, handling)
    if (access === 'paused') {
      const reason = `waits for ${needs}, which is away`
      const waiting = () => wait(fence, delivery, message, { reason, alone: false, away: null })
      return parkUnstorable([fence, delivery, message], reason, waiting)
    }
    // The pods may have been away, too, since the message was sent.
    if (needs !== null && access === 'probe') await forgetOutage(fence, needs, deps.subscriptions)
    const outcome = await attempt(fence, delivery, message, { ...handling, failures })
    if (needs !== null && access === 'probe' && outcome !== 'waiting') {
      await resume(fence, needs, message.id)
      logger.info({ dependency: needs }, 'is back; the events that waited for it follow')
    }
    return outcome
  }

  /** What handles this message, or why it is parked without an attempt. */
  function handlingOf(
    { deliveryCount, routingKey }: Delivery,
    message: ParsedBody,
  ): Handling | Refusal {
    const { event } = message
    if (!event) return { reason: message.problem }
    if (deliveryCount >= maxDeliveries)
      return { reason: `delivered ${deliveryCount} times without an outcome` }
    const subscription = byType.get(event.type)
    if (!subscription)
      return { reason: unhandled(event.type, [...byType.keys()]), cause: 'unhandled' }
    const reason = forgeryOf(event, subscription, routingKey, retryKey(consumer))
    return reason === null ? { event, subscription } : { reason }
  }

  return {
    async message(fence, delivery, failures) {
      const body = parseBody(delivery.body)
      const span = deps.tracer.start(body.event?.traceparent, () =>
        processSpan(body, delivery.routingKey, consumer),
      )
      const message = within(body, span.traceparent)
      // Unknown types must not become labels, because there may be any number of them.
      const type = message.event && byType.has(message.event.type) ? message.event.type : 'other'
      // A retry, and what has waited for another system, is old for a reason of its own.
      if (message.event && delivery.routingKey !== retryKey(consumer))
        deps.metrics.age.observe(secondsSince(message.event.time, deps.now()))
      const observe = deps.metrics.handler.startTimer({ type })
      let outcome: Outcome = 'interrupted'
      try {
        outcome = await handle(fence, delivery, message, failures)
      } finally {
        observe({ outcome }, traceIdOf(span.traceparent))
        span.end({ failure: isSettled(outcome) ? undefined : outcome })
      }
      // All other outcomes have lines of their own.
      if (isSettled(outcome)) events.info({ ...named(message), outcome }, 'event settled')
    },

    async deadLetter(fence, delivery) {
      const { death, attempt } = delivery
      const reason = death ? `dead letter: ${death.reason} in ${death.queue}` : 'dead letter'
      const verdict: Verdict = { state: 'parked', attempts: attempt, reason }
      await record(fence, delivery, parseBody(delivery.body), verdict)
    },
  }
}

/** The clocks of two nodes differ a little. */
function secondsSince(time: string, now: Date): number {
  return Math.max(0, (now.getTime() - Date.parse(time)) / 1_000)
}

function isSettled(outcome: Outcome): boolean {
  return outcome === 'handled' || outcome === 'duplicate'
}

/** The pause that this error begins. Null when only its own message waits. */
function pauseFor(
  { needs }: Subscription,
  messageId: string,
  error: Away | NotYet,
  baseMs: number,
): Pause | null {
  if (!(error instanceof Away) || needs === undefined) return null
  const { message: reason, retryAfterMs } = error
  return { dependency: needs, messageId, reason, retryAfterMs, baseMs }
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

/** `free` also for an event that does not need the system that is away. */
async function accessFor(fence: Fence, { event, subscription }: Handling): Promise<Access> {
  const { needs } = subscription
  if (needs === undefined) return 'free'
  const access = await accessTo(fence, needs, event.id)
  if (access === 'free' || (await subscription.mustCall(event, fence))) return access
  if (access === 'probe') await passProbe(fence, needs, event.id)
  return 'free'
}

/** JSON can contain text that Postgres cannot store. */
function isUnstorable(error: unknown): error is Error {
  return error instanceof Error && String(codeOf(error)).startsWith('22')
}
