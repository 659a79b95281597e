import { describe, expect, it } from 'vitest'
import { create, process, request, send, untraced } from '../spans.ts'

describe('the span of a request', () => {
  it.each([
    ['GET', '/orders/:id', '/orders/7', 'GET /orders/:id', '/orders/7'],
    ['GET', '/payments', '/payments?order=7', 'GET /payments', '/payments'],
    ['GET', undefined, '/nowhere', 'GET', '/nowhere'],
    ['other', undefined, '/orders', 'HTTP', '/orders'],
    ['GET', '/orders/:id', '/orders/ada@example.com', 'GET /orders/:id', '***'],
    ['GET', '/orders/:id', '/orders/ada%40example.com', 'GET /orders/:id', '***'],
    ['GET', '/orders/:id', '/orders/tok_ok', 'GET /orders/:id', '/orders/***'],
    ['GET', undefined, `/${'x'.repeat(9_000)}`, 'GET', `/${'x'.repeat(255)}`],
  ])('%s %s %s is named %s', (method, route, url, name, path) => {
    const span = request(method, route, url)
    expect(span).toMatchObject({ name, kind: 'server', attributes: { 'url.path': path } })
    expect(span.attributes['http.route']).toBe(route)
  })
})

describe('the span of a message', () => {
  const event = { id: 'e', type: 'order.placed.v2', source: '/order', subject: 'o' }
  it.each([
    [create(event), 'create shop.events:order.placed.v2', 'producer'],
    [send({ id: 'e', routingKey: 'retry.order' }), 'send shop.events:retry.order', 'client'],
    [
      process({ id: 'e', event }, event.type, 'order'),
      'process shop.events:order.placed.v2:order',
      'consumer',
    ],
    [process({ id: 'e', event: null }, null, 'order'), 'process shop.events:order', 'consumer'],
  ])('%# is named after operation and destination', (span, name, kind) => {
    expect(span).toMatchObject({ name, kind, attributes: { 'messaging.message.id': 'e' } })
  })

  it('masks what anybody may have sent', () => {
    const forged = { id: 'e', type: 'a@b.c', source: 'a@b.c', subject: 'tok_ok' }
    const span = process({ id: 'e', event: forged }, 'a@b.c', 'order')
    expect(JSON.stringify(span)).not.toMatch(/a@b|tok_/)
  })
})

it('without a collector, a trace goes on and nothing is described', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const span = untraced.start(traceparent, () => expect.fail('described'))
  expect(span.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad)[0-9a-f]{16}-01$/)
  expect(span.traceparent).toBe(span.traceparent)
  span.end()
})
