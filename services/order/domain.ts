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
  customer: Customer
}

/** What has become known about an order. */
export type News =
  | { kind: 'stock-reserved' }
  | { kind: 'stock-rejected'; reason: string }
  | { kind: 'payment-captured' }
  | { kind: 'payment-declined'; reason: string }

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
  const open = order.status === 'placed' || order.status === 'reserved'
  if (!open) return null
  const { id: orderId, customer } = order
  switch (news.kind) {
    case 'stock-reserved':
      if (order.status === 'reserved') return null
      return { status: 'reserved', reason: null, events: [] }
    case 'stock-rejected':
      return {
        status: 'rejected',
        reason: news.reason,
        events: [draft(orderRejected, orderId, { orderId, customer, reason: news.reason })],
      }
    case 'payment-captured':
      return {
        status: 'confirmed',
        reason: null,
        events: [draft(orderConfirmed, orderId, { orderId, customer })],
      }
    case 'payment-declined':
      return {
        status: 'cancelled',
        reason: news.reason,
        events: [draft(orderCancelled, orderId, { orderId, customer, reason: news.reason })],
      }
  }
}

/** True for a state that no news can change. */
export function isSettled(status: Status): boolean {
  return status !== 'placed' && status !== 'reserved'
}
