// What happens to payments, as numbers.
import type { Metrics } from '@shop/kernel/metrics'
import type { Decision, Payment } from './domain.ts'

export interface PaymentMetrics {
  /** `decision` is null when nothing changed. */
  ended(payment: Payment | null, decision: Decision | null): void
}

const counted = ['captured', 'declined', 'cancelled', 'refunded'] as const

/** An event may name any currency. */
const currencies = new Set(Intl.supportedValuesOf('currency'))

export function createPaymentMetrics(metrics: Metrics): PaymentMetrics {
  const payments = metrics.counter({
    name: 'payments_total',
    help: 'Payments that reached a status: captured, declined, cancelled or refunded.',
    labels: ['status'],
  })
  for (const status of counted) payments.inc({ status }, 0)
  const amounts = metrics.counter({
    name: 'payments_minor_units_total',
    help: 'Money of these payments, in minor units of its currency.',
    labels: ['status', 'currency'],
  })
  return {
    ended(payment, decision) {
      if (!payment || !decision) return
      const { status } = decision
      payments.inc({ status })
      if (!payment.amount) return
      const { value, currency } = payment.amount
      amounts.inc({ status, currency: currencies.has(currency) ? currency : 'other' }, value)
    },
  }
}
