import { describe, expect, it } from 'vitest'
import { giveUp, howToUndo, type PaymentStatus, settle, type Undone } from '../domain.ts'

const payment = {
  id: '01a20a70-45d6-79f6-be69-623cdf650bbc',
  orderId: '01a20a70-4619-79ef-8611-4a44d2354ab4',
  amount: { value: 1200, currency: 'EUR' },
  reason: null,
}
const { id: paymentId, orderId, amount } = payment

describe('settle', () => {
  it('given an intent, when captured, then payment.captured is published', () => {
    expect(settle({ ...payment, status: 'intended' }, { kind: 'captured' })).toEqual({
      status: 'captured',
      reason: null,
      events: [
        { type: 'payment.captured.v1', subject: orderId, data: { orderId, paymentId, amount } },
      ],
    })
  })

  it('given an intent, when declined, then payment.declined is published', () => {
    const outcome = { kind: 'declined', reason: 'card-declined' } as const
    expect(settle({ ...payment, status: 'intended' }, outcome)).toEqual({
      status: 'declined',
      reason: 'card-declined',
      events: [
        {
          type: 'payment.declined.v1',
          subject: orderId,
          data: { orderId, paymentId, reason: 'card-declined' },
        },
      ],
    })
  })

  it('given an intent, when it was cancelled at the provider, then it ends without an event', () => {
    expect(settle({ ...payment, status: 'intended' }, { kind: 'cancelled' })).toEqual({
      status: 'cancelled',
      reason: 'order-cancelled',
      events: [],
    })
  })

  it.each(['captured', 'declined', 'cancelled', 'refunded'] as const)(
    'given %s, then a late answer changes nothing',
    (status) => {
      expect(settle({ ...payment, status }, { kind: 'captured' })).toBeNull()
      expect(settle({ ...payment, status }, { kind: 'declined', reason: 'any' })).toBeNull()
    },
  )
})

describe('howToUndo', () => {
  it.each<[PaymentStatus, ReturnType<typeof howToUndo>]>([
    ['intended', 'cancel'],
    ['captured', 'refund'],
    ['declined', 'nothing'],
    ['cancelled', 'nothing'],
    ['refunded', 'nothing'],
  ])('given %s, then %s', (status, expected) => {
    expect(howToUndo(status)).toBe(expected)
  })
})

describe('giveUp', () => {
  it.each<[PaymentStatus, Undone, PaymentStatus | null]>([
    ['intended', 'cancelled', 'cancelled'],
    // The provider had captured the payment, but its answer was lost.
    ['intended', 'refunded', 'refunded'],
    ['captured', 'refunded', 'refunded'],
    ['declined', 'cancelled', null],
    ['cancelled', 'cancelled', null],
    ['refunded', 'refunded', null],
  ])('given %s, when %s, then %s', (status, undone, expected) => {
    const settlement = giveUp({ ...payment, status }, undone)
    expect(settlement?.status ?? null).toBe(expected)
    expect(settlement?.events ?? []).toEqual([])
  })

  it('throws when the provider has cancelled a captured payment', () => {
    expect(() => giveUp({ ...payment, status: 'captured' }, 'cancelled')).toThrow('was captured')
  })
})
