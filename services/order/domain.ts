// What an order is, and how events of the other services change it. Pure.
import {
  orderCancelled,
  orderConfirmed,
  orderPlaced,
  orderPlacedV2,
  orderRejected,
  paymentRequested,
} from '@shop/events/contracts'
import { type Draft, draft } from '@shop/events/envelope'

export type Status = 'placed' | 'reserved' | 'confirmed' | 'rejected' | 'cancelled'

export interface Customer {
  email: string
}

export interface Item {
  sku: string
  quantity: number
}

/** A client's request for an order. */
export interface Placement {
  items: Item[]
  customer: Customer
  payment: { token: string }
}

/** The part of an order that decisions need. */
export interface Order {
  id: string
  status: Status
  reason: string | null
  customer: Customer
}

/** What an event of another service means for an order. */
export type Update =
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

/** For a shop with services of a version that cannot read the events of `placeV2`, or that may be rolled back to one. */
export function place(orderId: string, { items, customer, payment }: Placement): Draft {
  return draft(orderPlaced, orderId, { orderId, items, customer, payment })
}

/** Each service gets what it needs, and only the payment service the token. */
export function placeV2(orderId: string, { items, payment }: Omit<Placement, 'customer'>): Draft[] {
  return [
    draft(orderPlacedV2, orderId, { orderId, items }),
    draft(paymentRequested, orderId, { orderId, payment }),
  ]
}

/**
 * Returns null when the update changes nothing. Updates may arrive in any order, so a captured payment confirms an order
 * that is not reserved yet. A settled order never changes.
 */
export function decide(order: Order, update: Update): Decision | null {
  if (isSettled(order.status)) return null
  switch (update.kind) {
    case 'stock-reserved':
      return order.status === 'reserved' ? null : { status: 'reserved', reason: null, events: [] }
    case 'stock-rejected':
      return end(order, 'rejected', update.reason)
    case 'payment-captured':
      return end(order, 'confirmed', null)
    case 'payment-declined':
      return end(order, 'cancelled', update.reason)
    case 'reservation-expired':
      return end(order, 'cancelled', 'reservation-expired')
  }
}

/**
 * The outcome of a settled order, which is published again when its reservation expires. The inventory has missed the
 * first event: somebody deleted it, or it was published before the inventory's queue was bound to it.
 */
export function repeatOutcome(order: Order): Draft[] {
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

/** Whether the state is final. */
export function isSettled(status: Status): boolean {
  return status !== 'placed' && status !== 'reserved'
}
