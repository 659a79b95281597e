// One contract per event. Services know no more of each other. Contracts mark personal data and credentials as sensitive.
// charts/values/rabbitmq.yaml grants each service what it publishes and consumes here.
import { z } from 'zod'
import { type Contract, contract } from './envelope.ts'

/** Makes the contracts of the events that a service publishes. Consumers refuse them from anybody else. */
function publishedBy(service: string) {
  return <Data>(type: string, data: z.ZodType<Data>, onlyWith?: string): Contract<Data> =>
    contract(type, data, `/${service}`, onlyWith)
}
const byOrder = publishedBy('order')
const byInventory = publishedBy('inventory')
const byPayment = publishedBy('payment')

const orderId = z.uuid()
const customer = z.object({ email: z.string().meta({ sensitive: true }) })
/** In minor units of the currency, so that sums are exact. */
const amount = z.object({ value: z.int().nonnegative(), currency: z.string().length(3) })
const items = z.array(z.object({ sku: z.string(), quantity: z.int().positive() })).min(1)
/** The payment provider's token for a means of payment. */
const payment = z.object({ token: z.string().meta({ sensitive: true }) })

/** order → inventory: reserve the stock. Still read, and no longer written: the token is for the payment service only. */
export const orderPlaced = byOrder(
  'order.placed.v1',
  z.object({ orderId, items, customer, payment }),
  'ORDER_PLACED_VERSION=v1',
)

/** order → inventory: reserve the stock. */
export const orderPlacedV2 = byOrder('order.placed.v2', z.object({ orderId, items }))

/** order → payment: how the order is paid once its stock is reserved. */
export const paymentRequested = byOrder('payment.requested.v1', z.object({ orderId, payment }))

/** inventory → order, payment: the answer to `order.placed.v1`, whose token it passes on. Read as long as that is. */
export const stockReserved = byInventory(
  'stock.reserved.v1',
  z.object({ orderId, amount, payment }),
)

/** inventory → order, payment: the stock is reserved. `amount` is its price. */
export const stockReservedV2 = byInventory('stock.reserved.v2', z.object({ orderId, amount }))

/** inventory → order: nothing was reserved. */
export const stockRejected = byInventory(
  'stock.rejected.v1',
  z.object({ orderId, reason: z.enum(['unknown-sku', 'insufficient-stock']), sku: z.string() }),
)

/**
 * inventory → order: a reservation has expired. The order service cancels the order if it is open. Otherwise it publishes
 * the outcome of the order again.
 */
export const reservationExpired = byInventory('reservation.expired.v1', z.object({ orderId }))

/** payment → order: the money is captured. */
export const paymentCaptured = byPayment(
  'payment.captured.v1',
  z.object({ orderId, paymentId: z.uuid(), amount }),
)

/** payment → order: the provider declined. */
export const paymentDeclined = byPayment(
  'payment.declined.v1',
  z.object({ orderId, paymentId: z.uuid(), reason: z.string() }),
)

/** order → inventory, notification: the order is paid. The inventory sells the reserved stock. */
export const orderConfirmed = byOrder('order.confirmed.v1', z.object({ orderId, customer }))

/** order → notification: the order is rejected, because its stock could not be reserved. */
export const orderRejected = byOrder(
  'order.rejected.v1',
  z.object({ orderId, customer, reason: z.string() }),
)

/**
 * order → inventory, payment, notification: the order is cancelled. The inventory releases the reserved stock, and the
 * payment service cancels or refunds the payment.
 */
export const orderCancelled = byOrder(
  'order.cancelled.v1',
  z.object({ orderId, customer, reason: z.string() }),
)
