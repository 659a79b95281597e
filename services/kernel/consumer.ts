// The service's one consumer: on while the pod is live, and each delivery goes to its subscription.
import { envelope } from '@shop/events/envelope'
import type { Bus, Consumption } from './bus.ts'
import type { InboxDeps, Subscription } from './inbox.ts'
import type { Logger, Metrics } from './telemetry.ts'

export interface Consumer {
  /** Starts or stops at once; what is in hand when it stops is finished. */
  set(wanted: boolean): void
  /** True while the broker delivers to this pod. */
  active(): boolean
  /** Messages being handled, also by a consumption that is about to end. */
  inFlight(): number
  /** Stops, and resolves when nothing is in hand any more. */
  close(): Promise<void>
}

export interface ConsumerDeps {
  bus: Bus
  queue: string
  subscriptions: Subscription[]
  inbox: InboxDeps
  logger: Logger
  metrics: Metrics
}

export function createConsumer(deps: ConsumerDeps): Consumer {
  const byType = new Map(deps.subscriptions.map((one) => [one.type, one]))
  let current: Consumption | undefined
  const ending = new Map<Consumption, Promise<void>>()

  async function receive(body: Buffer): Promise<void> {
    const event = envelope.parse(JSON.parse(body.toString()))
    const subscription = byType.get(event.type)
    if (!subscription) throw new Error(`nobody here handles ${event.type}`)
    const observe = deps.metrics.handlerSeconds.startTimer({ type: event.type })
    let outcome = 'failed'
    try {
      outcome = await subscription.receive(event, deps.inbox)
    } finally {
      observe({ outcome })
    }
  }

  function end(consumption: Consumption): void {
    const stopped = consumption
      .stop()
      .catch((error) => deps.logger.warn({ err: error }, 'consumer did not stop cleanly'))
      .finally(() => ending.delete(consumption))
    ending.set(consumption, stopped)
  }

  function set(wanted: boolean): void {
    if (wanted) {
      current ??= deps.bus.consume(deps.queue, receive)
    } else if (current) {
      end(current)
      current = undefined
    }
  }

  return {
    set,
    active: () => current?.active() ?? false,
    inFlight: () =>
      [...ending.keys()].reduce((sum, one) => sum + one.inFlight(), current?.inFlight() ?? 0),
    async close() {
      set(false)
      await Promise.all(ending.values())
    },
  }
}
