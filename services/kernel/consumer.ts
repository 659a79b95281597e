// The service's consumer: takes deliveries while it has a fence, and handles, retries or parks each of them.
import { setTimeout } from 'node:timers/promises'
import { type Bus, type Consumption, type Delivery, deadLettersOf } from './bus.ts'
import { faultPoint } from './faults.ts'
import { type Fence, GateClosed } from './gate.ts'
import { createSettlement, type Settle, type SettlementDeps } from './settlement.ts'
import type { Logger } from './telemetry.ts'

/** What a pod has settled in one epoch. */
export interface Handled {
  epoch: number
  messages: number
  firstAt: Date
  lastAt: Date
}

export interface Consumer {
  /** Subscribes before there is a fence, to save time in a switch. Stops when there is no fence within a second. */
  prepare(): void
  /** Starts with a fence, restarts with another one, and stops with null. Finishes the deliveries that it has. */
  set(fence: Fence | null): void
  /** The epoch of the fence that it consumes with. */
  epoch(): number | null
  /** True while the broker delivers to this pod. */
  active(): boolean
  /** Deliveries that are not settled, including those of a consumption that is stopping. */
  inFlight(): number
  /** In the last epoch in which it has settled a delivery, by the pod's clock. */
  handled(): Handled | null
  /** Stops, and resolves when all deliveries are settled. */
  close(): Promise<void>
}

export interface ConsumerDeps extends SettlementDeps {
  bus: Bus
  queue: string
  /** Deliveries that are handled at once. Each needs a connection to the database. */
  concurrency: { messages: number; deadLetters: number }
  /** Called after the consumer has stopped because the gate names another slot or epoch. */
  onGateClosed: () => void
}

const preparedMs = 1_000
const retryMs = 500
/** The same failure is logged once in 20 attempts: every 10 seconds. */
const logEvery = 20

interface Session {
  /** Null while the session is only prepared. */
  fence: Fence | null
  open(fence: Fence): void
  /** The consumptions of the queue and of its dead letters. */
  consumptions: Consumption[]
}

export function createConsumer(deps: ConsumerDeps): Consumer {
  const { bus, queue, concurrency } = deps
  const settlement = createSettlement(deps)
  let wanted: Fence | null = null
  let current: Session | undefined
  let handled: Handled | null = null
  const ending = new Map<Consumption, Promise<void>>()

  function start(): Session {
    const opened = Promise.withResolvers<Fence>()
    const receiver =
      (settle: Settle) =>
      async (delivery: Delivery, stopping: AbortSignal): Promise<boolean> => {
        const fence = session.fence ?? (await unlessStopped(opened.promise, stopping))
        if (!fence) return false
        try {
          const isSettled = await untilSettled(deps.logger, stopping, (failures) =>
            settle(fence, delivery, failures),
          )
          if (isSettled) handled = oneMore(handled, fence.epoch)
          return isSettled
        } catch (error) {
          if (!(error instanceof GateClosed)) throw error
          // Stop before the message is requeued, so that the broker does not deliver it to this pod again.
          if (current === session) end()
          deps.onGateClosed()
          return false
        }
      }
    const session: Session = {
      fence: null,
      open(fence) {
        session.fence = fence
        opened.resolve(fence)
      },
      consumptions: [
        bus.consume(queue, concurrency.messages, receiver(settlement.message)),
        bus.consume(deadLettersOf(queue), concurrency.deadLetters, receiver(settlement.deadLetter)),
      ],
    }
    return session
  }

  function end(): void {
    for (const one of current?.consumptions ?? []) {
      const stopped = one
        .stop()
        .catch((error) => deps.logger.warn({ err: error }, 'could not cancel the consumer'))
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
    current ??= start()
    current.open(fence)
  }

  return {
    prepare() {
      if (current) return
      const session = start()
      current = session
      setTimeout(preparedMs, undefined, { ref: false }).then(() => {
        if (current === session && !session.fence) end()
      })
    },
    set,
    epoch: () => current?.fence?.epoch ?? null,
    active: () => current?.consumptions[0]?.active() ?? false,
    inFlight: () =>
      [...ending.keys(), ...(current?.consumptions ?? [])].reduce(
        (sum, one) => sum + one.inFlight(),
        0,
      ),
    handled: () => handled,
    async close() {
      set(null)
      await Promise.all(ending.values())
    },
  }
}

function oneMore(before: Handled | null, epoch: number): Handled {
  const now = new Date()
  if (before?.epoch !== epoch) return { epoch, messages: 1, firstAt: now, lastAt: now }
  return { ...before, messages: before.messages + 1, lastAt: now }
}

/** Resolves with null when `stopping` is aborted first. */
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

/**
 * Repeats `settle` until it does not throw. It throws when the database is not available; a message that was requeued
 * instead would be delivered again at once. Returns false when it is stopped first.
 */
async function untilSettled(
  logger: Logger,
  stopping: AbortSignal,
  settle: (failures: number) => Promise<void>,
): Promise<boolean> {
  let logged = ''
  for (let failures = 0; !stopping.aborted; failures += 1) {
    try {
      await settle(failures)
      faultPoint('inbox.handled')
      return true
    } catch (error) {
      if (error instanceof GateClosed) throw error
      const message = error instanceof Error ? error.message : String(error)
      if (message !== logged || failures % logEvery === 0) {
        logger.warn({ err: error, failures }, 'cannot settle a delivery; retrying')
      }
      logged = message
    }
    await setTimeout(retryMs, undefined, { signal: stopping }).catch(() => {})
  }
  return false
}
