// How the payment service handles reserved stock and cancelled orders.
import {
  orderCancelled,
  orderRejected,
  paymentRequested,
  stockReserved,
  stockReservedV2,
} from '@shop/events/contracts'
import type { Draft, Envelope } from '@shop/events/envelope'
import type { Queries, Transaction } from '@shop/kernel/database'
import { faultPoint } from '@shop/kernel/faults'
import type { Fence } from '@shop/kernel/gate'
import { on, type Subscription } from '@shop/kernel/inbox'
import { giveUp, howToUndo, mayCapture, type Payment, settle, type Undone } from './domain.ts'
import type { PaymentMetrics } from './metrics.ts'
import type { ChargeOutcome, Money, PaymentProvider } from './provider.ts'
import {
  cancelPayment,
  deleteToken,
  findPayment,
  findToken,
  insertIntent,
  insertToken,
  lockPayment,
  saveDecision,
} from './store.ts'

export interface HandlerDeps {
  provider: PaymentProvider
  metrics: PaymentMetrics
  newId: () => string
}

const needs = 'the payment provider'

function load(tx: Queries, { data: { orderId } }: Envelope<{ orderId: string }>) {
  return lockPayment(tx, orderId)
}

async function isWanted(
  { data: { orderId } }: Envelope<{ orderId: string }>,
  fence: Fence,
): Promise<boolean> {
  const payment = await findPayment(fence, orderId)
  return !payment || mayCapture(payment)
}

interface Prepared<Outcome> {
  loaded: Payment | null
  prepared: Outcome | null
}

/** Ends the payment as the provider has answered. Null: it was not called. */
async function end(
  tx: Transaction,
  { data: { orderId } }: Envelope<{ orderId: string }>,
  { loaded: payment, prepared: outcome }: Prepared<ChargeOutcome>,
): Promise<Draft[]> {
  const decision = outcome && payment && settle(payment, outcome)
  if (!decision) return []
  saveDecision(tx, orderId, decision)
  return decision.events
}

export function subscriptions({ provider, metrics, newId }: HandlerDeps): Subscription[] {
  const ended = (
    _event: Envelope<unknown>,
    { loaded: payment, prepared: outcome }: Prepared<ChargeOutcome>,
  ): void => metrics.ended(payment, outcome && payment && settle(payment, outcome))

  /** Commits the intent before the provider is called, so that the idempotency key survives a crash. */
  function intend(fence: Fence, orderId: string, amount: Money): Promise<Payment> {
    return insertIntent(fence, { id: newId(), orderId, amount })
  }

  async function capture(payment: Payment, token: string): Promise<ChargeOutcome | null> {
    const { id: idempotencyKey, orderId, amount } = payment
    if (!mayCapture(payment) || !amount) return null
    faultPoint('payment.intended')
    const outcome = await provider.capture({ idempotencyKey, orderId, token, amount })
    faultPoint('payment.captured')
    return outcome
  }

  return [
    on(stockReserved, {
      needs,
      mustCall: isWanted,
      prepare: async ({ data: { orderId, amount, payment } }, fence) =>
        capture(await intend(fence, orderId, amount), payment.token),
      load,
      handle: end,
      handled: ended,
    }),

    // The token and the amount are in two events. Each handler stores its part and then reads the other, so that the
    // later one of them captures. Both may: the provider's key is the same.
    on(stockReservedV2, {
      needs,
      mustCall: isWanted,
      async prepare({ data: { orderId, amount } }, fence) {
        const payment = await intend(fence, orderId, amount)
        const token = await findToken(fence, orderId)
        return token === null ? null : capture(payment, token)
      },
      load,
      handle: end,
      handled: ended,
    }),

    on(paymentRequested, {
      needs,
      mustCall: isWanted,
      async prepare({ data: { orderId, payment } }, fence) {
        await insertToken(fence, orderId, payment.token)
        const intent = await findPayment(fence, orderId)
        return intent && capture(intent, payment.token)
      },
      load,
      handle: end,
      handled: ended,
    }),

    on(orderRejected, {
      async handle(tx, { data: { orderId } }) {
        deleteToken(tx, orderId)
        return []
      },
    }),

    on(orderCancelled, {
      needs,
      // Prevents a capture also while the provider is away.
      async mustCall({ data: { orderId } }, fence) {
        const { status } = await cancelPayment(fence, newId(), orderId)
        return howToUndo(status) !== 'nothing'
      },
      async prepare({ data: { orderId } }, fence): Promise<Undone | null> {
        const { id, status } = await cancelPayment(fence, newId(), orderId)
        const action = howToUndo(status)
        if (action === 'nothing') return null
        if (action === 'cancel' && (await provider.cancel(id)).kind === 'cancelled')
          return 'cancelled'
        await provider.refund(id)
        return 'refunded'
      },
      load,
      async handle(tx, { data: { orderId } }, { loaded: payment, prepared: undone }) {
        const decision = undone && payment && giveUp(payment, undone)
        if (decision) saveDecision(tx, orderId, decision)
        else deleteToken(tx, orderId)
        return []
      },
      handled: (_event, { loaded: payment, prepared: undone }) =>
        metrics.ended(payment, undone && payment && giveUp(payment, undone)),
    }),
  ]
}
