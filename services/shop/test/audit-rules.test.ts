import { describe, expect, it } from 'vitest'
import { type Facts, judge, rules } from '../audit/rules.ts'

const captured = { status: 'captured', captures: 1, refunds: 0 }
function notified(outcome: string) {
  return [{ outcome, sent: true }]
}

const confirmed: Facts = {
  order: { status: 'confirmed' },
  inventory: { status: 'sold' },
  payment: captured,
  notifications: notified('confirmed'),
}
const cancelled: Facts = {
  order: { status: 'cancelled' },
  inventory: { status: 'released' },
  payment: { status: 'declined', captures: 0, refunds: 0 },
  notifications: notified('cancelled'),
}
const rejected: Facts = {
  order: { status: 'rejected' },
  inventory: { status: 'rejected' },
  payment: null,
  notifications: notified('rejected'),
}
const open: Facts = {
  order: { status: 'placed' },
  inventory: null,
  payment: null,
  notifications: [],
}

describe('no violation', () => {
  it.each<[string, Facts]>([
    ['confirmed, paid, sold, notified', confirmed],
    ['cancelled after a declined payment', cancelled],
    [
      'cancelled after a capture that was refunded',
      { ...cancelled, payment: { status: 'refunded', captures: 1, refunds: 1 } },
    ],
    [
      'cancelled before any payment',
      { ...cancelled, payment: { status: 'cancelled', captures: 0, refunds: 0 } },
    ],
    ['cancelled, unknown to payment', { ...cancelled, payment: null }],
    ['cancelled before anything was reserved', { ...cancelled, inventory: { status: 'rejected' } }],
    ['rejected', rejected],
  ])('%s', (_, facts) => {
    expect(judge(facts)).toEqual([])
  })
})

describe('a counter-example for each rule', () => {
  it.each<[rule: string, excuse: string, Facts]>([
    [rules.unknownOrder, 'moving', { ...confirmed, order: null }],
    [rules.unknownState, 'nothing', { ...confirmed, order: { status: 'shipped' } }],
    [rules.stuck, 'inventory', open],
    [rules.stuck, 'order', { ...open, inventory: { status: 'rejected' } }],
    [rules.stuck, 'payment', { ...open, inventory: { status: 'reserved' } }],
    [rules.stuck, 'order', { ...open, inventory: { status: 'reserved' }, payment: captured }],
    [rules.soldOpen, 'anywhere', { ...open, inventory: { status: 'sold' } }],
    [rules.wrongNotification, 'anywhere', { ...open, notifications: notified('confirmed') }],
    [rules.capturedTwice, 'nothing', { ...confirmed, payment: { ...captured, captures: 2 } }],
    [
      rules.refundedTwice,
      'nothing',
      { ...cancelled, payment: { status: 'refunded', captures: 1, refunds: 2 } },
    ],
    [rules.paperCapture, 'nothing', { ...confirmed, payment: { ...captured, captures: 0 } }],
    [rules.notCaptured, 'moving', { ...confirmed, payment: null }],
    [
      rules.notCaptured,
      'moving',
      { ...confirmed, payment: { status: 'declined', captures: 0, refunds: 0 } },
    ],
    [
      rules.confirmedRefunded,
      'nothing',
      { ...confirmed, payment: { status: 'refunded', captures: 1, refunds: 1 } },
    ],
    [rules.stockLost, 'nothing', { ...confirmed, inventory: { status: 'released' } }],
    [rules.stockLost, 'nothing', { ...confirmed, inventory: { status: 'rejected' } }],
    [rules.stockLost, 'moving', { ...confirmed, inventory: null }],
    [rules.notSold, 'inventory', { ...confirmed, inventory: { status: 'reserved' } }],
    [rules.moneyKept, 'payment', { ...cancelled, payment: captured }],
    [
      rules.moneyKept,
      'payment',
      { ...cancelled, payment: { status: 'intended', captures: 0, refunds: 0 } },
    ],
    [
      rules.moneyKept,
      'payment',
      { ...cancelled, payment: { status: 'declined', captures: 1, refunds: 0 } },
    ],
    [rules.stockKept, 'inventory', { ...cancelled, inventory: { status: 'reserved' } }],
    [rules.stockKept, 'nothing', { ...cancelled, inventory: { status: 'sold' } }],
    [rules.moneyTaken, 'nothing', { ...rejected, payment: captured }],
    [rules.stockTaken, 'nothing', { ...rejected, inventory: { status: 'reserved' } }],
    [rules.notNotified, 'notification', { ...confirmed, notifications: [] }],
    [
      rules.notNotified,
      'notification',
      { ...confirmed, notifications: [{ outcome: 'confirmed', sent: false }] },
    ],
    [
      rules.wrongNotification,
      'nothing',
      { ...confirmed, notifications: [...notified('confirmed'), ...notified('cancelled')] },
    ],
  ])('%s, excused by %s', (rule, excuse, facts) => {
    expect(judge(facts)).toContainEqual({ rule, excuse })
  })
})
