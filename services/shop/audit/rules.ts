// What must hold for each order, whatever happens to pods, broker and databases. Pure.
export const services = ['order', 'inventory', 'payment', 'notification'] as const
export type Service = (typeof services)[number]

/** What the four services say about one order. */
export interface Facts {
  order: { status: string } | null
  inventory: { status: string } | null
  /** `captures` and `refunds` are from the provider. */
  payment: { status: string; captures: number; refunds: number } | null
  notifications: { outcome: string; sent: boolean }[]
}

/**
 * What makes a finding harmless: `nothing`; `moving`, the order changed while the services were read; a service that has
 * messages waiting, which it still has to handle; or messages waiting `anywhere`.
 */
export type Excuse = 'nothing' | 'moving' | 'anywhere' | Service

export interface Finding {
  rule: string
  excuse: Excuse
}

export const rules = {
  unknownOrder: 'unknown to the order service',
  unknownState: 'in an unknown state',
  stuck: 'open, and no message is waiting for it',
  capturedTwice: 'captured more than once',
  refundedTwice: 'refunded more often than captured',
  paperCapture: 'captured according to the payment service, not to the provider',
  notCaptured: 'confirmed without a capture',
  confirmedRefunded: 'confirmed, and refunded',
  stockLost: 'confirmed, and its stock was released',
  notSold: 'confirmed, and its stock is not sold',
  soldOpen: 'sold before it was confirmed',
  moneyKept: 'cancelled, and the money was kept',
  stockKept: 'cancelled, and the stock was kept',
  moneyTaken: 'rejected, and money was taken',
  stockTaken: 'rejected, and stock was taken',
  notNotified: 'not notified of its outcome',
  wrongNotification: 'notified of another outcome',
} as const

const outcomes = ['confirmed', 'rejected', 'cancelled']

function finding(excuse: Excuse, rule: string): Finding {
  return { rule, excuse }
}

/** The service that has to act next on an open order. */
function nextService({ inventory, payment }: Facts): Service {
  if (!inventory) return 'inventory'
  if (inventory.status !== 'reserved') return 'order'
  return !payment || payment.status === 'intended' ? 'payment' : 'order'
}

function judgeOpen(facts: Facts): Finding[] {
  return [
    finding(nextService(facts), rules.stuck),
    ...(facts.inventory?.status === 'sold' ? [finding('anywhere', rules.soldOpen)] : []),
    ...(facts.notifications.length > 0 ? [finding('anywhere', rules.wrongNotification)] : []),
  ]
}

function judgeConfirmed({ inventory, payment }: Facts): Finding[] {
  return [
    ...(payment && payment.refunds > 0
      ? [finding('nothing', rules.confirmedRefunded)]
      : payment?.captures
        ? []
        : [finding('moving', rules.notCaptured)]),
    ...(inventory === null ? [finding('moving', rules.stockLost)] : []),
    ...(inventory?.status === 'reserved' ? [finding('inventory', rules.notSold)] : []),
    ...(inventory && !['reserved', 'sold'].includes(inventory.status)
      ? [finding('nothing', rules.stockLost)]
      : []),
  ]
}

function judgeCancelled({ inventory, payment }: Facts): Finding[] {
  return [
    ...(payment && (payment.captures > payment.refunds || payment.status === 'intended')
      ? [finding('payment', rules.moneyKept)]
      : []),
    ...(inventory?.status === 'reserved' ? [finding('inventory', rules.stockKept)] : []),
    ...(inventory?.status === 'sold' ? [finding('nothing', rules.stockKept)] : []),
  ]
}

function judgeRejected({ inventory, payment }: Facts): Finding[] {
  return [
    ...(payment && payment.captures > 0 ? [finding('nothing', rules.moneyTaken)] : []),
    ...(inventory && ['reserved', 'sold'].includes(inventory.status)
      ? [finding('nothing', rules.stockTaken)]
      : []),
  ]
}

function judgeNotifications(status: string, { notifications }: Facts): Finding[] {
  return [
    ...(notifications.some(({ outcome }) => outcome !== status)
      ? [finding('nothing', rules.wrongNotification)]
      : []),
    ...(notifications.some(({ outcome, sent }) => outcome === status && sent)
      ? []
      : [finding('notification', rules.notNotified)]),
  ]
}

function judgeMoney({ payment }: Facts): Finding[] {
  return payment
    ? [
        ...(payment.captures > 1 ? [finding('nothing', rules.capturedTwice)] : []),
        ...(payment.refunds > payment.captures ? [finding('nothing', rules.refundedTwice)] : []),
        ...(payment.status === 'captured' && payment.captures === 0
          ? [finding('nothing', rules.paperCapture)]
          : []),
      ]
    : []
}

function judgeState(status: string, facts: Facts): Finding[] {
  switch (status) {
    case 'placed':
    case 'reserved':
      return judgeOpen(facts)
    case 'confirmed':
      return judgeConfirmed(facts)
    case 'cancelled':
      return judgeCancelled(facts)
    case 'rejected':
      return judgeRejected(facts)
    default:
      return [finding('nothing', rules.unknownState)]
  }
}

/** All violations of the rules, each with what would excuse it. */
export function judge(facts: Facts): Finding[] {
  const { order } = facts
  if (!order) return [finding('moving', rules.unknownOrder), ...judgeMoney(facts)]
  return [
    ...judgeMoney(facts),
    ...judgeState(order.status, facts),
    ...(outcomes.includes(order.status) ? judgeNotifications(order.status, facts) : []),
  ]
}
