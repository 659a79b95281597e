// The rules that each order must satisfy, whatever happens to pods, broker and databases. Pure.
export const services = ['order', 'inventory', 'payment', 'notification'] as const
export type Service = (typeof services)[number]

/** The state of one order in the four services. */
export interface Facts {
  order: { status: string } | null
  inventory: { status: string } | null
  /** `captures` and `refunds` are from the provider. */
  payment: { status: string; captures: number; refunds: number } | null
  notifications: { outcome: string; sent: boolean }[]
}

/**
 * What can explain a finding, so that it is no violation. `moving`: the order changed between the readings of two services.
 * A service: messages wait for it. `anywhere`: messages wait for any service. `nothing`: it is always a violation.
 */
export type Excuse = 'nothing' | 'moving' | 'anywhere' | Service

export interface Finding {
  rule: string
  excuse: Excuse
}

export const rules = {
  unknownOrder: 'unknown to the order service',
  unknownState: 'in an unknown state',
  stuck: 'open, and no message is waiting that would settle it',
  capturedTwice: 'captured more than once',
  refundedTwice: 'refunded more often than captured',
  paperCapture: 'captured according to the payment service, but not according to the provider',
  notCaptured: 'confirmed without a capture',
  confirmedRefunded: 'confirmed, and refunded',
  stockLost: 'confirmed, and its stock is neither reserved nor sold',
  notSold: 'confirmed, and its stock is still reserved',
  soldOpen: 'sold before it was confirmed',
  moneyKept: 'cancelled, and the money was kept',
  stockKept: 'cancelled, and the stock was kept',
  moneyTaken: 'rejected, and money was taken',
  stockTaken: 'rejected, and stock was taken',
  notNotified: 'not notified of its outcome',
  wrongNotification: 'notified of another outcome',
} as const

const outcomes = new Set(['confirmed', 'rejected', 'cancelled'])

function finding(excuse: Excuse, rule: string): Finding {
  return { rule, excuse }
}

/** The service that must act next on an open order. */
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
    ...judgePaid(payment),
    ...(inventory === null ? [finding('moving', rules.stockLost)] : []),
    ...(inventory?.status === 'reserved' ? [finding('inventory', rules.notSold)] : []),
    ...(inventory && !['reserved', 'sold'].includes(inventory.status)
      ? [finding('nothing', rules.stockLost)]
      : []),
  ]
}

function judgePaid(payment: Facts['payment']): Finding[] {
  if (payment && payment.refunds > 0) return [finding('nothing', rules.confirmedRefunded)]
  return payment?.captures ? [] : [finding('moving', rules.notCaptured)]
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

/** All findings about one order. */
export function judge(facts: Facts): Finding[] {
  const { order } = facts
  if (!order) return [finding('moving', rules.unknownOrder), ...judgeMoney(facts)]
  return [
    ...judgeMoney(facts),
    ...judgeState(order.status, facts),
    ...(outcomes.has(order.status) ? judgeNotifications(order.status, facts) : []),
  ]
}
