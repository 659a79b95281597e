// What happens to orders, as numbers.
import type { Metrics } from '@shop/kernel/metrics'
import { traceIdOf } from '@shop/kernel/telemetry'
import { isSettled, type Status } from './domain.ts'

const counted = ['placed', 'confirmed', 'rejected', 'cancelled'] as const

export interface OrderMetrics {
  placed(): void
  /** Seconds since the order was placed. */
  decided(status: Status, age: number, traceparent: string): void
}

export function createOrderMetrics(metrics: Metrics): OrderMetrics {
  const orders = metrics.counter({
    name: 'orders_total',
    help: 'Orders that reached a status: placed, confirmed, rejected or cancelled.',
    labels: ['status'],
  })
  for (const status of counted) orders.inc({ status }, 0)
  const confirmation = metrics.histogram({
    name: 'order_confirmation_duration_seconds',
    help: 'Time from the placing of an order to its confirmation.',
  })
  return {
    placed: () => orders.inc({ status: 'placed' }),
    decided(status, age, traceparent) {
      if (isSettled(status)) orders.inc({ status })
      if (status === 'confirmed') confirmation.observe(age, traceIdOf(traceparent))
    },
  }
}
