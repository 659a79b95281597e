// One contract per event. Services know no more of each other. Contracts mark personal data and credentials as sensitive.
import { z } from 'zod'
import { contract } from './envelope.ts'

const orderId = z.uuid()
const customer = z.object({ email: z.string().meta({ sensitive: true }) })
/** In minor units of the currency, so that sums are exact. */
const amount = z.object({ value: z.int().nonnegative(), currency: z.string().length(3) })
const items = z.array(z.object({ sku: z.string(), quantity: z.int().positive() })).min(1)
/** The payment provider's token for a means of payment. */
const payment = z.object({ token: z.string().meta({ sensitive: true }) })

/** order → inventory: reserve the stock. */
export const orderPlaced = contract(
  'order.placed.v1',
  z.object({ orderId, items, customer, payment }),
)

/** inventory → order, payment: the stock is reserved. `amount` is its price. */
export const stockReserved = contract('stock.reserved.v1', z.object({ orderId, amount, payment }))

/** inventory → order: nothing was reserved. */
export const stockRejected = contract(
  'stock.rejected.v1',
  z.object({ orderId, reason: z.enum(['unknown-sku', 'insufficient-stock']), sku: z.string() }),
)

/**
 * inventory → order: a reservation has expired. The order service cancels the order if it is open. Otherwise it publishes
 * the outcome of the order again.
 */
export const reservationExpired = contract('reservation.expired.v1', z.object({ orderId }))

/** payment → order: the money is captured. */
export const paymentCaptured = contract(
  'payment.captured.v1',
  z.object({ orderId, paymentId: z.uuid(), amount }),
)

/** payment → order: the provider declined. */
export const paymentDeclined = contract(
  'payment.declined.v1',
  z.object({ orderId, paymentId: z.uuid(), reason: z.string() }),
)

/** order → inventory, notification: the order is paid. The inventory sells the reserved stock. */
export const orderConfirmed = contract('order.confirmed.v1', z.object({ orderId, customer }))

/** order → notification: the order is rejected, because its stock could not be reserved. */
export const orderRejected = contract(
  'order.rejected.v1',
  z.object({ orderId, customer, reason: z.string() }),
)

/**
 * order → inventory, payment, notification: the order is cancelled. The inventory releases the reserved stock, and the
 * payment service cancels or refunds the payment.
 */
export const orderCancelled = contract(
  'order.cancelled.v1',
  z.object({ orderId, customer, reason: z.string() }),
)
