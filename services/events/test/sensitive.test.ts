import { describe, expect, it } from 'vitest'
import { masked, sensitiveNames, sensitivePointers } from '../sensitive.ts'

describe('sensitiveNames', () => {
  it('are the fields that the contracts mark', () => {
    expect([...sensitiveNames].sort()).toEqual(['email', 'token'])
  })
})

describe('sensitivePointers', () => {
  it('finds sensitive fields at any depth, also in an event of an unknown version', () => {
    const event = {
      type: 'order.placed.v9',
      data: {
        customer: { email: 'ada@example.com', name: 'Ada' },
        payments: [{ token: 'tok_ok' }, { token: { secret: 1 } }],
        'a/b': { '~': { email: null } },
      },
    }
    expect(sensitivePointers(event)).toEqual([
      '/data/customer/email',
      '/data/payments/0/token',
      '/data/payments/1/token',
      '/data/a~1b/~0/email',
    ])
  })

  it('finds none in an event without sensitive fields', () => {
    expect(sensitivePointers({ data: { orderId: '1' } })).toEqual([])
  })

  it.each([['hello'], [['email']], [null], [7]])('takes %j as sensitive as a whole', (event) => {
    expect(sensitivePointers(event)).toEqual([''])
  })
})

describe('masked', () => {
  it('hides what is sensitive and keeps the rest', () => {
    const payments = [{ token: 'tok_ok', n: 1 }, [{ token: { secret: 1 } }], 'x', null]
    const event = { type: 'x.v9', data: { customer: { email: 'a@b.c', name: 'Ada' }, payments } }
    expect(masked(event)).toEqual({
      type: 'x.v9',
      data: {
        customer: { email: '***', name: 'Ada' },
        payments: [{ token: '***', n: 1 }, [{ token: '***' }], 'x', null],
      },
    })
  })

  it.each([['ada@example.com'], [['email']], [null], [7]])('hides %j as a whole', (event) => {
    expect(masked(event)).toBe('***')
  })
})
