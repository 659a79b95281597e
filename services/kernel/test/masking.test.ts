import { describe, expect, it } from 'vitest'
import { maskText, maskTexts } from '../masking.ts'

describe('maskText', () => {
  it.each([
    ['550 5.1.1 <ada@example.com>: user unknown', '550 5.1.1 <***>: user unknown'],
    ["no mailbox for o'brien+x=1@sub.example.com; try later", 'no mailbox for ***; try later'],
    ['Key (email)=(ada@example.com) already exists.', 'Key (email)=(***) already exists.'],
    ['mailto:ada@example.com, bob@example.org', 'mailto:***, ***'],
    ['{"email":"ada@example.com","n":1}', '{"email":"***","n":1}'],
    ['GET /customers?email=ada%40example.com answers 500', 'GET *** answers 500'],
    ['no mailbox for ada/@example.com or /@example.com', 'no mailbox for *** or ***'],
    ['jörg@bücher.example is no address', '*** is no address'],
    ["cannot charge 'tok_1A-b.c': declined", "cannot charge '***': declined"],
    ['payment.token: tok_ok, again Tok_OK', 'payment.token: ***, again ***'],
    ['https://pay.example/charges/tok_ok?n=1', 'https://pay.example/charges/***?n=1'],
  ])('hides mail addresses and payment tokens: %s', (text, masked) => {
    expect(maskText(text)).toBe(masked)
  })

  it.each([
    'dead letter: expired in order',
    'not a thing.done.v1: n: Invalid input: expected number, received string',
    'the mail server refused the mail: 550 EENVELOPE',
    'at read (file:///app/node_modules/@shop/kernel/inbox.ts:70:9)',
    "home node 'rabbit@rabbitmq-0.rabbitmq-nodes.shop.svc' of queue 'order' is down",
    'meet @ noon; stok_1 is no token',
  ])('keeps the rest: %s', (text) => {
    expect(maskText(text)).toBe(text)
  })

  it('takes no long time for a long text', () => {
    const began = performance.now()
    for (const part of ['a', '@', 'tok_', 'a@', '%40']) maskText(part.repeat(300_000 / part.length))
    expect(performance.now() - began).toBeLessThan(1_000)
  })
})

describe('maskTexts', () => {
  it('hides them in each text of a value, and keeps what has its own JSON', () => {
    const at = new Date(0)
    const value = { message: 'no ada@example.com', code: 7, errors: [{ detail: 'tok_ok' }], at }
    const masked = { message: 'no ***', code: 7, errors: [{ detail: '***' }], at }
    expect(maskTexts(value)).toEqual(masked)
    expect(maskTexts(undefined)).toBeUndefined()
  })

  it('ends at a circle', () => {
    const circle: Record<string, unknown> = {}
    circle.self = circle
    expect(JSON.stringify(maskTexts(circle))).toContain('"***"')
  })
})
