import { describe, expect, it } from 'vitest'
import { mustVoid, type PaymentStatus, settle } from '../domain.ts'

const payment = {
  id: '01a20a70-45d6-79f6-be69-623cdf650bbc',
  orderId: '01a20a70-4619-79ef-8611-4a44d2354ab4',
  amount: { value: 1200, currency: 'EUR' },
}
const { id: paymentId, orderId, amount } = payment

describe('settle', () => {
  it('given an intent, when captured, then the money is announced', () => {
    expect(settle({ ...payment, status: 'intended' }, { kind: 'captured' })).toEqual({
      status: 'captured',
      reason: null,
      events: [
        { type: 'payment.captured.v1', subject: orderId, data: { orderId, paymentId, amount } },
      ],
    })
  })

  it('given an intent, when declined, then the reason is announced', () => {
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

  it.each(['captured', 'declined', 'cancelled'] as const)('given %s, then it stays', (status) => {
    expect(settle({ ...payment, status }, { kind: 'captured' })).toBeNull()
  })
})

describe('mustVoid', () => {
  it.each<[PaymentStatus, boolean]>([
    ['intended', true],
    ['captured', true],
    ['declined', false],
    ['cancelled', false],
  ])('given %s, then %s', (status, expected) => {
    expect(mustVoid({ ...payment, status })).toBe(expected)
  })
})
