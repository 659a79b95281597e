import {
  orderCancelled,
  orderConfirmed,
  paymentCaptured,
  reservationExpired,
  stockReserved,
} from '@shop/events/contracts'
import type { Envelope } from '@shop/events/envelope'
import type { Database } from '@shop/kernel/database'
import { createHttp, type HttpServer } from '@shop/kernel/http'
import { untraced } from '@shop/kernel/spans'
import { subscriptions } from '@shop/order/handlers'
import { createOrderMetrics } from '@shop/order/metrics'
import { routes } from '@shop/order/routes'
import { accounting, countOpen, entries } from '@shop/order/store'
import { beforeEach, describe, expect, it } from 'vitest'
import { deliverTo, takeOutbox } from './deliver.ts'
import {
  arrived,
  createServiceDatabase,
  identity,
  logger,
  metrics,
  newId,
  nilId,
  openOutbox,
} from './infrastructure.ts'

const body = {
  items: [{ sku: 'mug', quantity: 2 }],
  customer: { email: 'ada@example.com' },
  payment: { token: 'tok_ok' },
}
const slot = { color: 'blue', version: 'v1' }
const orderMetrics = createOrderMetrics(metrics)
const green = { color: 'green', version: 'v2' }

let database: Database
let app: HttpServer
let deliver: (event: Envelope) => Promise<Envelope[]>

beforeEach(async () => {
  database = await createServiceDatabase('order')
  app = createHttp({
    identity,
    plane: 'live',
    logger,
    metrics,
    tracer: untraced,
    keepAlive: () => true,
  })
  app.after(() =>
    routes(app, {
      ...{ database, outbox: openOutbox(database), newId, slot, placedVersion: 'v2' },
      ...{ metrics: orderMetrics, logger },
    }),
  )
  deliver = deliverTo(database, subscriptions(green, orderMetrics))
})

function place(key: string, payload: unknown) {
  return app.inject({
    method: 'POST',
    url: '/orders',
    headers: { 'idempotency-key': key, 'content-type': 'application/json' },
    body: typeof payload === 'string' ? payload : JSON.stringify(payload),
  })
}

async function read(id: string) {
  return (await app.inject(`/orders/${id}`)).json()
}

function outbox() {
  return database.query<{ event: { data: unknown } }>('SELECT event FROM outbox ORDER BY position')
}

describe('POST /orders', () => {
  it('stores the order and its events in one transaction', async () => {
    const response = await place('one', body)
    expect(response.statusCode).toBe(202)
    const { id } = response.json()
    expect(response.body).toBe(`{"id":"${id}","status":"placed"}`)
    const { items, payment } = body
    expect((await outbox()).map(({ event }) => event.data)).toEqual([
      { orderId: id, items },
      { orderId: id, payment },
    ])
    const order = await read(id)
    expect(order).toMatchObject({ id, status: 'placed', items: body.items, placedBy: slot })
    expect(JSON.stringify(order)).not.toContain('tok_ok')
  })

  it('answers a repetition byte for byte, also when many come at once', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => place('same', body)))
    expect(new Set(answers.map((one) => `${one.statusCode} ${one.body}`)).size).toBe(1)
    const { customer, items, payment } = body
    const reordered = await place('same', { payment, customer, items })
    expect(reordered.body).toBe(answers[0]?.body)
    expect(await outbox()).toHaveLength(2)
  })

  it('refuses another body under the same key', async () => {
    await place('same', body)
    for (const other of [
      { ...body, items: [{ sku: 'mug', quantity: 3 }] },
      { ...body, note: 'gift wrap' },
    ]) {
      const response = await place('same', other)
      expect(response.statusCode).toBe(409)
      expect(response.headers['content-type']).toContain('application/problem+json')
    }
    expect(await outbox()).toHaveLength(2)
  })

  it.each([
    ['no items', { ...body, items: [] }],
    ['a quantity of nothing', { ...body, items: [{ sku: 'mug', quantity: 0 }] }],
    ['half a piece', { ...body, items: [{ sku: 'mug', quantity: 0.5 }] }],
    ['a quantity beyond all measure', { ...body, items: [{ sku: 'mug', quantity: 1e12 }] }],
    ['a SKU that SQL cannot hold', { ...body, items: [{ sku: 'm\u0000g', quantity: 1 }] }],
    ['a SKU that JSON in SQL cannot hold', { ...body, items: [{ sku: '\ud800', quantity: 1 }] }],
    ['an address that is none', { ...body, customer: { email: 'ada' } }],
    ['two addresses in one', { ...body, customer: { email: 'a@example.com\r\nbcc: b@c.de' } }],
    ['no token', { ...body, payment: {} }],
    ['null', null],
    ['a list', []],
    ['broken JSON', '{"items":'],
  ])('refuses %s', async (_name, payload) => {
    const response = await place('bad', payload)
    expect(response.statusCode).toBe(400)
    expect(response.headers['content-type']).toContain('application/problem+json')
    expect(await outbox()).toHaveLength(0)
  })

  it.each([
    ['a local part of 200 characters', `${'a'.repeat(200)}@example.com`],
    ['a domain that is not in ASCII', 'a@почта.рф'],
  ])('refuses %s', async (_name, email) => {
    const response = await place('bad', { ...body, customer: { email } })
    expect(response.statusCode).toBe(400)
    expect(response.json().errors[0].path).toBe('/customer/email')
  })

  it('takes an internationalized domain in ASCII', async () => {
    const customer = { email: 'user@xn--80a1acny.xn--p1ai' }
    expect((await place('one', { ...body, customer })).statusCode).toBe(202)
  })

  it.each(['café', 'Äpfel', '🍏', 'a\tb', 'x'.repeat(256)])('refuses the key %s', async (key) => {
    // As Node reads the bytes of a header.
    const response = await place(Buffer.from(key).toString('latin1'), body)
    expect(response.statusCode).toBe(400)
    expect(response.json().errors[0].path).toBe('/idempotency-key')
  })

  it.each(['"8e03978e-40d5-43dd-bc93-6894a57f9324"', 'order 7', '~', 'x'.repeat(255)])(
    'takes the key %s',
    async (key) => expect((await place(key, body)).statusCode).toBe(202),
  )

  it.each([
    ['nested 3,000 deep', `"note":${'['.repeat(3_000)}${']'.repeat(3_000)}`],
    ['a number that is too large', '"note":1e400'],
    ['a prototype', '"__proto__":{"items":[]}'],
  ])('refuses a further field: %s', async (_name, field) => {
    const response = await place('bad', `{${field},${JSON.stringify(body).slice(1)}`)
    expect(response.statusCode).toBe(400)
    expect(await outbox()).toHaveLength(0)
  })

  it('ignores further fields that Postgres could not store', async () => {
    const further = '"note":"\\u0000\\ud800","note":"twice","big":123456789012345678901234567890'
    const response = await place('one', `{${further},${JSON.stringify(body).slice(1)}`)
    expect(response.statusCode).toBe(202)
  })

  it('refuses a missing key', async () => {
    const response = await app.inject({ method: 'POST', url: '/orders', body })
    expect(response.statusCode).toBe(400)
    expect(response.json().errors[0].path).toBe('/idempotency-key')
  })
})

describe('GET /orders/{id}', () => {
  it.each([newId(), 'nonsense', '%00'])('knows no %s', async (id) => {
    const response = await app.inject(`/orders/${id}`)
    expect(response.statusCode).toBe(404)
    expect(response.headers['content-type']).toContain('application/problem+json')
  })

  it('shows what became of the order, and which slot decided it in which epoch', async () => {
    await database.query('UPDATE release_gate SET epoch = 7')
    const { id } = (await place('one', body)).json()
    await database.query('UPDATE release_gate SET epoch = 8')
    const payment = body.payment
    const amount = { value: 2400, currency: 'EUR' }
    await deliver(arrived(stockReserved, id, { orderId: id, amount, payment }))
    const placedBy = { ...slot, epoch: 7 }
    expect(await read(id)).toMatchObject({
      status: 'reserved',
      placedBy,
      settledAt: null,
      settledBy: null,
    })
    await deliver(arrived(paymentCaptured, id, { orderId: id, paymentId: newId(), amount }))
    expect(await read(id)).toMatchObject({
      status: 'confirmed',
      placedBy,
      settledBy: { ...green, epoch: 8 },
    })
  })
})

describe('reservation.expired', () => {
  const expired = (id: string) => arrived(reservationExpired, id, { orderId: id })
  const { customer } = body

  it('cancels an open order, and a late capture does not bring it back', async () => {
    const { id } = (await place('one', body)).json()
    await takeOutbox(database)
    const [event, ...more] = await deliver(expired(id))
    expect(more).toEqual([])
    expect(event).toMatchObject({
      type: orderCancelled.type,
      data: { orderId: id, customer, reason: 'reservation-expired' },
    })
    const amount = { value: 2400, currency: 'EUR' }
    const late = arrived(paymentCaptured, id, { orderId: id, paymentId: newId(), amount })
    expect(await deliver(late)).toEqual([])
    expect(await read(id)).toMatchObject({ status: 'cancelled', reason: 'reservation-expired' })
    expect(await accounting(database)).toMatchObject({ accepted: 1, cancelled: 1, open: 0 })
  })

  it('is answered with the outcome of an order that has ended, and changes nothing', async () => {
    const { id } = (await place('one', body)).json()
    await takeOutbox(database)
    const amount = { value: 2400, currency: 'EUR' }
    await deliver(arrived(paymentCaptured, id, { orderId: id, paymentId: newId(), amount }))
    const before = await read(id)
    const events = await deliver(expired(id))
    expect(events.map(({ type, data }) => ({ type, data }))).toEqual([
      { type: orderConfirmed.type, data: { orderId: id, customer } },
    ])
    expect(await read(id)).toEqual(before)
  })

  it('is not about an order that nobody placed', async () => {
    await expect(deliver(expired(newId()))).rejects.toThrow('unknown')
  })
})

describe('what the audit asks', () => {
  it('lists the orders, page by page', async () => {
    const placed = await Promise.all(['a', 'b', 'c'].map((key) => place(key, body)))
    const ids = placed.map((one) => one.json().id as string).sort()
    const entry = (id: string) => ({ id, status: 'placed' })
    expect(await entries(database, nilId, 2)).toEqual(ids.slice(0, 2).map(entry))
    expect(await entries(database, ids[1] ?? '', 2)).toEqual(ids.slice(2).map(entry))
    expect(await accounting(database)).toMatchObject({ accepted: 3, open: 3 })
  })
})

describe('the open orders', () => {
  /** Seconds before now. `settled`: when, and by which color. */
  async function orders(...list: { placed: number; settled?: [number, string] }[]): Promise<void> {
    for (const { placed, settled: [at, color] = [null, null] } of list) {
      await database.query(
        `INSERT INTO orders (id, status, items, customer, placed_at, placed_by, settled_at, settled_by,
           idempotency_key, request_hash, response)
         VALUES ($1, $2, '[]', '{}', now() - make_interval(secs => $3), '{}',
           now() - make_interval(secs => $4), $5, gen_random_uuid()::text, '', '')`,
        [newId(), color ? 'confirmed' : 'placed', placed, at, color && JSON.stringify({ color })],
      )
    }
  }
  const count = (ago: number, late: number) => countOpen(database, { ago, late })

  const none = { open: 0, oldestSeconds: null }

  it('are none at first', async () => {
    expect(await count(60, 30)).toEqual({
      open: 0,
      before: { open: 0, finished: {} },
      since: { due: 0, late: 0, ...none },
    })
  })

  it('are told apart by the moment, and by the color that has finished them since', async () => {
    await orders(
      { placed: 900, settled: [800, 'blue'] },
      ...[70, 80].map((placed) => ({ placed })),
      { placed: 90, settled: [55, 'blue'] },
      { placed: 300, settled: [5, 'green'] },
      { placed: 61, settled: [50, 'green'] },
    )
    expect(await count(60, 30)).toEqual({
      open: 2,
      before: { open: 5, finished: { blue: 1, green: 2 } },
      // Those that were open before hide none of them.
      since: { due: 0, late: 0, ...none },
    })
  })

  it('are late when they were not settled in time, and due when they are old enough', async () => {
    await orders(
      { placed: 50 },
      { placed: 50, settled: [15, 'green'] },
      { placed: 50, settled: [25, 'green'] },
      { placed: 28 },
      { placed: 28, settled: [27, 'green'] },
    )
    const { open, before, since } = await count(60, 30)
    expect({ open, before, since }).toEqual({
      open: 2,
      before: { open: 0, finished: {} },
      since: { due: 3, late: 2, open: 2, oldestSeconds: expect.closeTo(50, 0) },
    })
    expect((await count(20.5, 30)).since).toEqual({ due: 0, late: 0, ...none })
  })

  it('are settled by those who decide', async () => {
    const { id } = (await place('one', body)).json()
    await place('two', body)
    await database.query("UPDATE orders SET placed_at = now() - interval '10 s'")
    const amount = { value: 2400, currency: 'EUR' }
    await deliver(arrived(paymentCaptured, id, { orderId: id, paymentId: newId(), amount }))
    expect(await count(5, 0)).toMatchObject({
      open: 1,
      before: { open: 2, finished: { green: 1 } },
    })
  })
})
