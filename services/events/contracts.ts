// One contract per event: all that the services know of each other. Personal data and credentials are marked as sensitive.
import { z } from 'zod'
import { contract } from './envelope.ts'

const orderId = z.uuid()
const customer = z.object({ email: z.string().meta({ sensitive: true }) })
/** In minor units of the currency, so that sums are exact. */
const amount = z.object({ value: z.int().nonnegative(), currency: z.string().length(3) })
const items = z.array(z.object({ sku: z.string(), quantity: z.int().positive() })).min(1)
/** The payment provider's token for a means of payment. */
const payment = z.object({ token: z.string().meta({ sensitive: true }) })

/** order → inventory: stock is to be reserved. */
export const orderPlaced = contract(
  'order.placed.v1',
  z.object({ orderId, items, customer, payment }),
)

/** inventory → order, payment: the stock is reserved; `amount` is its price. */
export const stockReserved = contract('stock.reserved.v1', z.object({ orderId, amount, payment }))

/** inventory → order: nothing was reserved. */
export const stockRejected = contract(
  'stock.rejected.v1',
  z.object({ orderId, reason: z.enum(['unknown-sku', 'insufficient-stock']), sku: z.string() }),
)

/**
 * inventory → order: a reservation has expired. The order service decides: it cancels an open order, and publishes the
 * outcome of one that has ended again.
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

/** order → inventory, notification: paid, and the reserved stock is sold. */
export const orderConfirmed = contract('order.confirmed.v1', z.object({ orderId, customer }))

/** order → notification: not enough stock. */
export const orderRejected = contract(
  'order.rejected.v1',
  z.object({ orderId, customer, reason: z.string() }),
)

/** order → inventory, payment, notification: cancelled; the reserved stock is released. */
export const orderCancelled = contract(
  'order.cancelled.v1',
  z.object({ orderId, customer, reason: z.string() }),
)
