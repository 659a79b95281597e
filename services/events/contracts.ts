// One contract per event: all that the services know of each other.
import { z } from 'zod'
import { contract } from './envelope.ts'

const orderId = z.uuid()
const customer = z.object({ email: z.string() })
/** Minor units of the currency, so that sums stay exact. */
const amount = z.object({ value: z.int().nonnegative(), currency: z.string().length(3) })
const items = z.array(z.object({ sku: z.string(), quantity: z.int().positive() })).min(1)
/** The provider's token stands for a means of payment; it is worthless to anybody else. */
const payment = z.object({ token: z.string() })

/** order → inventory: please reserve. */
export const orderPlaced = contract(
  'order.placed.v1',
  z.object({ orderId, items, customer, payment }),
)

/** inventory → order, payment: it is set aside, and this is what it costs. */
export const stockReserved = contract('stock.reserved.v1', z.object({ orderId, amount, payment }))

/** inventory → order: nothing was set aside. */
export const stockRejected = contract(
  'stock.rejected.v1',
  z.object({ orderId, reason: z.enum(['unknown-sku', 'insufficient-stock']), sku: z.string() }),
)

/**
 * inventory → order: is it still wanted? The order is the arbiter: it cancels what is open, and tells
 * the outcome of what has ended again.
 */
export const reservationExpired = contract('reservation.expired.v1', z.object({ orderId }))

/** payment → order: the money is there. */
export const paymentCaptured = contract(
  'payment.captured.v1',
  z.object({ orderId, paymentId: z.uuid(), amount }),
)

/** payment → order: the provider said no. */
export const paymentDeclined = contract(
  'payment.declined.v1',
  z.object({ orderId, paymentId: z.uuid(), reason: z.string() }),
)

/** order → inventory, notification: done, and what was set aside is sold. */
export const orderConfirmed = contract('order.confirmed.v1', z.object({ orderId, customer }))

/** order → notification: the stock did not suffice. */
export const orderRejected = contract(
  'order.rejected.v1',
  z.object({ orderId, customer, reason: z.string() }),
)

/** order → inventory, payment, notification: called off; what was set aside goes back. */
export const orderCancelled = contract(
  'order.cancelled.v1',
  z.object({ orderId, customer, reason: z.string() }),
)
