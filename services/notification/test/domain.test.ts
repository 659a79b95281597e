import { describe, expect, it } from 'vitest'
import { compose } from '../domain.ts'

const orderId = '01a20a70-45d6-79f6-be69-623cdf650bbc'

describe('compose', () => {
  it.each(['confirmed', 'rejected', 'cancelled'] as const)('writes about %s orders', (outcome) => {
    const mail = compose(orderId, outcome, 'ada@example.com', null)
    expect(mail.to).toBe('ada@example.com')
    expect(mail.subject).toBe(`Your order ${orderId} is ${outcome}`)
    expect(mail.text).toContain(orderId)
    expect(mail.messageId).toBe(`<${orderId}.${outcome}@shop.example>`)
  })

  it('has the same id in a repetition', () => {
    const again = () => compose(orderId, 'confirmed', 'ada@example.com', null)
    expect(again()).toEqual(again())
  })

  it.each([
    ['card-declined', 'the payment was declined'],
    ['reservation-expired', 'took too long'],
  ])('says why it was cancelled: %s', (reason, sentence) => {
    expect(compose(orderId, 'cancelled', 'ada@example.com', reason).text).toContain(sentence)
  })
})
