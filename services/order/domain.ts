// What an order is, and how it answers to what the other services tell; no input or output here.
import { orderCancelled, orderConfirmed, orderPlaced, orderRejected } from '@shop/events/contracts'
import { type Draft, draft } from '@shop/events/envelope'

export type Status = 'placed' | 'reserved' | 'confirmed' | 'rejected' | 'cancelled'

export interface Customer {
  email: string
}

export interface Item {
  sku: string
  quantity: number
}

/** What a client asks for. */
export interface Placement {
  items: Item[]
  customer: Customer
  payment: { token: string }
}

/** As much of an order as a decision needs. */
export interface Order {
  id: string
  status: Status
  reason: string | null
  customer: Customer
}

/** What has become known about an order. */
export type News =
  | { kind: 'stock-reserved' }
  | { kind: 'stock-rejected'; reason: string }
  | { kind: 'payment-captured' }
  | { kind: 'payment-declined'; reason: string }
  | { kind: 'reservation-expired' }

export interface Decision {
  status: Status
  reason: string | null
  events: Draft[]
}

export function place(id: string, { items, customer, payment }: Placement): Draft {
  return draft(orderPlaced, id, { orderId: id, items, customer, payment })
}

/**
 * News of one order may overtake each other: a capture implies the reservation that it is about.
 * Terminal states stay. `null` means that the news changes nothing.
 */
export function decide(order: Order, news: News): Decision | null {
  if (isSettled(order.status)) return null
  switch (news.kind) {
    case 'stock-reserved':
      return order.status === 'reserved' ? null : { status: 'reserved', reason: null, events: [] }
    case 'stock-rejected':
      return end(order, 'rejected', news.reason)
    case 'payment-captured':
      return end(order, 'confirmed', null)
    case 'payment-declined':
      return end(order, 'cancelled', news.reason)
    case 'reservation-expired':
      return end(order, 'cancelled', 'reservation-expired')
  }
}

/**
 * What a settled order tells again to an inventory that asks, because it has not heard of the end: the
 * order is older than its listening, or the message was lost by hand. To all others it is no news.
 */
export function remind(order: Order): Draft[] {
  const { status, reason } = order
  if (status === 'confirmed' || status === 'cancelled') return [outcomeOf(order, status, reason)]
  return []
}

type Ending = 'confirmed' | 'rejected' | 'cancelled'

function end(order: Order, status: Ending, reason: string | null): Decision {
  return { status, reason, events: [outcomeOf(order, status, reason)] }
}

function outcomeOf({ id: orderId, customer }: Order, status: Ending, reason: string | null): Draft {
  if (status === 'confirmed') return draft(orderConfirmed, orderId, { orderId, customer })
  const contract = status === 'rejected' ? orderRejected : orderCancelled
  return draft(contract, orderId, { orderId, customer, reason: reason ?? 'unknown' })
}

/** True for a state that no news can change. */
export function isSettled(status: Status): boolean {
  return status !== 'placed' && status !== 'reserved'
}
