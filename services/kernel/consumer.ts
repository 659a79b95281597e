// The service's one consumer: works while its fence is open, and brings each delivery to an outcome.
import { setTimeout } from 'node:timers/promises'
import { deadLettersOf } from './accounting.ts'
import type { Bus, Consumption, Delivery } from './bus.ts'
import { faultPoint } from './faults.ts'
import { type Fence, GateClosed } from './gate.ts'
import { type Subscription, Unreadable } from './inbox.ts'
import type { Outbox } from './outbox.ts'
import { type Failure, type Reading, readBody, recordFailure } from './parking.ts'
import type { Logger, Metrics } from './telemetry.ts'

export interface Consumer {
  /** Lets deliveries come that wait for the fence to be set, for a second: opening a queue is no part of a handover then. */
  prepare(): void
  /** Starts with a fence, starts anew with another, stops with null; what is in hand is finished. */
  set(fence: Fence | null): void
  /** Of the fence that it consumes under. */
  epoch(): number | null
  /** True while the broker delivers to this pod. */
  active(): boolean
  /** Deliveries that are not settled, also of a consumption that is about to end. */
  inFlight(): number
  /** Stops, and resolves when nothing is in hand any more. */
  close(): Promise<void>
}

export interface ConsumerDeps {
  bus: Bus
  queue: string
  subscriptions: Subscription[]
  /** The service's name: whose inbox it is, and where its retries go. */
  consumer: string
  outbox: Outbox
  logger: Logger
  metrics: Metrics
  /** The gate is another's; the consumer has stopped by itself. */
  onGateClosed: () => void
  /** The first retry's delay, which doubles with each further one. */
  retryBaseMs?: number
}

const preparedMs = 1_000
const maxAttempts = 8
/** A handler that kills its process leaves no other trace than the broker's count. */
const maxReturns = 50
const againMs = 500
/** As long as this we blame the database; after that, the message. */
const maxHolds = 20

export function createConsumer(deps: ConsumerDeps): Consumer {
  const settle = createSettling(deps)
  let wanted: Fence | null = null
  let current: { fence: Fence | null; admit(fence: Fence): void; both: Consumption[] } | undefined
  const ending = new Map<Consumption, Promise<void>>()

  function open(): NonNullable<typeof current> {
    const admission = Promise.withResolvers<Fence>()
    const receiver =
      (work: Work) =>
      async (delivery: Delivery, stopping: AbortSignal): Promise<boolean> => {
        const fence = opened.fence ?? (await unlessStopped(admission.promise, stopping))
        if (!fence) return false
        try {
          return await holding(deps.logger, stopping, (holds) => work(fence, delivery, holds))
        } catch (error) {
          if (!(error instanceof GateClosed)) throw error
          // Before the message goes back: this pod should not get it again.
          if (current === opened) end()
          deps.onGateClosed()
          return false
        }
      }
    const opened: NonNullable<typeof current> = {
      fence: null,
      admit(fence) {
        opened.fence = fence
        admission.resolve(fence)
      },
      both: [
        deps.bus.consume(deps.queue, receiver(settle.message)),
        deps.bus.consume(deadLettersOf(deps.queue), receiver(settle.deadLetter)),
      ],
    }
    return opened
  }

  function end(): void {
    for (const one of current?.both ?? []) {
      const stopped = one
        .stop()
        .catch((error) => deps.logger.warn({ err: error }, 'consumer did not stop cleanly'))
        .finally(() => ending.delete(one))
      ending.set(one, stopped)
    }
    current = undefined
  }

  function set(fence: Fence | null): void {
    if (fence && (fence === wanted || fence.epoch === current?.fence?.epoch)) return
    wanted = fence
    if (!fence || current?.fence) end()
    if (!fence) return
    current ??= open()
    current.admit(fence)
  }

  return {
    prepare() {
      if (current) return
      const opened = open()
      current = opened
      setTimeout(preparedMs, undefined, { ref: false }).then(() => {
        if (current === opened && !opened.fence) end()
      })
    },
    set,
    epoch: () => current?.fence?.epoch ?? null,
    active: () => current?.both[0]?.active() ?? false,
    inFlight: () =>
      [...ending.keys(), ...(current?.both ?? [])].reduce((sum, one) => sum + one.inFlight(), 0),
    async close() {
      set(null)
      await Promise.all(ending.values())
    },
  }
}

/** null when told to stop before. */
async function unlessStopped<T>(promise: Promise<T>, stopping: AbortSignal): Promise<T | null> {
  const stopped = Promise.withResolvers<null>()
  const stop = () => stopped.resolve(null)
  stopping.addEventListener('abort', stop)
  if (stopping.aborted) stop()
  try {
    return await Promise.race([promise, stopped.promise])
  } finally {
    stopping.removeEventListener('abort', stop)
  }
}

/** Brings a delivery to an outcome; throws when it cannot be recorded now. */
type Work = (fence: Fence, delivery: Delivery, holds: number) => Promise<void>

/**
 * Repeats work that fails, for then the database is away, and a message that went back would only
 * come again. False when told to stop before it has worked.
 */
async function holding(
  logger: Logger,
  stopping: AbortSignal,
  work: (holds: number) => Promise<void>,
): Promise<boolean> {
  for (let holds = 0; !stopping.aborted; holds += 1) {
    try {
      await work(holds)
      faultPoint('inbox.handled')
      return true
    } catch (error) {
      if (error instanceof GateClosed) throw error
      if (holds === 0) logger.warn({ err: error }, 'holding a message until it can be recorded')
    }
    await setTimeout(againMs, undefined, { signal: stopping }).catch(() => {})
  }
  return false
}

type Verdict = Pick<Failure, 'state' | 'attempts' | 'reason'>

function createSettling(deps: ConsumerDeps): { message: Work; deadLetter: Work } {
  const { consumer, outbox, logger, retryBaseMs = 250 } = deps
  const byType = new Map(deps.subscriptions.map((one) => [one.type, one]))

  /** Keeps the message, and sends it again later unless it is parked. */
  async function record(
    fence: Fence,
    { body, attempt }: Delivery,
    reading: Reading,
    verdict: Verdict,
  ): Promise<void> {
    const { state, attempts, reason } = verdict
    const delayMs = retryBaseMs * 2 ** (attempts - 1) * (0.75 + Math.random() / 2)
    const recorded = await fence.transaction(async (tx) => {
      const failure = { consumer, reading, body, attempt, ...verdict }
      const latest = await recordFailure(tx, failure)
      if (latest && state === 'retrying' && reading.event) {
        const { type } = reading.event
        const to = consumer
        outbox.resend(tx, { type, json: reading.json, to, attempt: attempts, delayMs })
      }
      return latest
    })
    const told = { messageId: reading.id, attempts, reason }
    if (!recorded) return logger.debug(told, 'a stale copy of a message was dropped')
    if (state === 'retrying') outbox.wake(delayMs)
    logger.warn(told, state === 'parked' ? 'message parked' : 'handler failed; trying again later')
  }

  async function handle(
    fence: Fence,
    delivery: Delivery,
    reading: Reading,
    holds: number,
  ): Promise<string> {
    const attempts = delivery.attempt + 1
    const park = async (reason: string) => {
      await record(fence, delivery, reading, { state: 'parked', attempts, reason })
      return 'parked'
    }
    if (!reading.event) return park(reading.problem)
    if (delivery.returns >= maxReturns) {
      return park(`delivered ${delivery.returns} times without an outcome`)
    }
    const subscription = byType.get(reading.event.type)
    if (!subscription) return park(unhandled(reading.event.type, [...byType.keys()]))
    try {
      return await subscription.receive(reading.event, { consumer, outbox, fence })
    } catch (error) {
      if (error instanceof GateClosed || (isDatabaseAway(error) && holds < maxHolds)) throw error
      const reason = error instanceof Error ? error.message : String(error)
      if (error instanceof Unreadable || attempts >= maxAttempts) return park(reason)
      const verdict: Verdict = { state: 'retrying', attempts, reason }
      try {
        await record(fence, delivery, reading, verdict)
      } catch (recordError) {
        if (!isUnstorable(recordError)) throw recordError
        return park(`${reason} (and it cannot be sent again: ${recordError.message})`)
      }
      return 'failed'
    }
  }

  return {
    async message(fence, delivery, holds) {
      const reading = readBody(delivery.body)
      // What comes from outside must not make up labels.
      const type = reading.event && byType.has(reading.event.type) ? reading.event.type : 'other'
      const observe = deps.metrics.handlerSeconds.startTimer({ type })
      let outcome = 'interrupted'
      try {
        outcome = await handle(fence, delivery, reading, holds)
      } finally {
        observe({ outcome })
      }
    },

    async deadLetter(fence, delivery) {
      const { death, attempt } = delivery
      const reason = death ? `dead letter: ${death.reason} in ${death.queue}` : 'dead letter'
      const verdict: Verdict = { state: 'parked', attempts: attempt, reason }
      await record(fence, delivery, readBody(delivery.body), verdict)
    },
  }
}

function unhandled(type: string, handled: string[]): string {
  const nameOf = (one: string) => one.replace(/\.v\d+$/, '')
  const readable = handled.filter((one) => nameOf(one) === nameOf(type))
  return readable.length > 0
    ? `cannot read ${type}, only ${readable.join(', ')}`
    : `nobody here handles ${type}`
}

/** Connection lost or refused, too many of them, server going down or coming up, too slow, or locked. */
function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, statusCode, message } = error as Error & { code?: unknown; statusCode?: unknown }
  if (statusCode === 503 || /^(08|53|57P0|57014|25P0|40P01|55P03)/.test(String(code))) return true
  return /^Connection terminated|^Client has encountered|^Query read timeout/.test(message)
}

/** Text that JSON can carry and the database cannot. */
function isUnstorable(error: unknown): error is Error {
  return error instanceof Error && /^22/.test(String((error as NodeJS.ErrnoException).code))
}
