// Messages that cannot be handled are parked with their reason, and stop nobody else.
import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { manage, sendTo } from './broker.ts'
import { edgeUrl, ensureLive, shopctl, shopctlJson, shopctlOk, until } from './shop.ts'
import { underLoad } from './under-load.ts'

interface Stuck {
  id: string
  service: string
  type: string | null
  state: 'parked' | 'retrying' | 'unroutable'
  attempts: number
  reason: string
}

async function list(): Promise<Stuck[]> {
  return (await shopctlJson<{ messages: Stuck[] }>(['messages', 'list'])).messages
}

async function found(id: string): Promise<Stuck | undefined> {
  return (await list()).find((message) => message.id === id)
}

function event(source: string, type: string, subject: string, data: object) {
  return {
    specversion: '1.0',
    id: randomUUID(),
    source,
    type,
    subject,
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    data,
  }
}

function send(queue: string, body: ReturnType<typeof event>, times = 1): Promise<void> {
  return sendTo(
    queue,
    Array.from({ length: times }, () => ({ id: body.id, type: body.type, body })),
  )
}

async function confirmedOrder(): Promise<string> {
  const placed = await fetch(`${edgeUrl}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
    body: JSON.stringify({
      items: [{ sku: 'mug', quantity: 1 }],
      customer: { email: 'someone@example.com' },
      payment: { token: 'tok_ok' },
    }),
  })
  const { id } = (await placed.json()) as { id: string }
  await until('it is confirmed', async () => {
    const order = (await (await fetch(`${edgeUrl}/orders/${id}`)).json()) as { status: string }
    return order.status === 'confirmed'
  })
  return id
}

beforeAll(ensureLive, 300_000)

test('a poison message is parked after eight attempts; discarded, it is gone', async () => {
  const orderId = randomUUID()
  const poison = event('/inventory', 'stock.rejected.v1', orderId, {
    orderId,
    reason: 'unknown-sku',
    sku: 'x',
  })
  await underLoad({ rate: 10 }, async () => {
    await send('order', poison)
    await until('it is parked', async () => (await found(poison.id))?.state === 'parked', 120_000)
    expect(await found(poison.id)).toMatchObject({
      service: 'order',
      attempts: 8,
      reason: `order ${orderId} is unknown`,
    })
    const again = await shopctl(['messages', 'replay', poison.id])
    expect(again.exitCode, again.stderr).toBe(0)
    await until(
      'it is parked again',
      async () => {
        const message = await found(poison.id)
        return message?.state === 'parked' && message.attempts === 8
      },
      120_000,
    )
    await shopctlOk(['messages', 'discard', poison.id])
    expect(await found(poison.id)).toBeUndefined()
  })
}, 400_000)

test('a message of a version that the consumer cannot read is parked at once', async () => {
  const orderId = randomUUID()
  const future = event('/order', 'order.placed.v9', orderId, { orderId })
  const broken = event('/order', 'order.placed.v1', orderId, { orderId })
  await underLoad({ rate: 10 }, async () => {
    await send('inventory', future)
    await send('inventory', broken)
    await until('both are parked', async () =>
      Boolean((await found(future.id)) && (await found(broken.id))),
    )
    expect(await found(future.id)).toMatchObject({
      state: 'parked',
      attempts: 1,
      reason: expect.stringContaining('order.placed.v9'),
    })
    expect(await found(broken.id)).toMatchObject({
      state: 'parked',
      attempts: 1,
      reason: expect.stringContaining('not a order.placed.v1'),
    })
    await shopctlOk(['messages', 'discard', future.id, broken.id])
  })
}, 240_000)

test('the same message a hundred times has its effect once', async () => {
  const orderId = await confirmedOrder()
  const customer = { email: 'someone@example.com' }
  const { audit } = await underLoad({ rate: 10 }, () =>
    send(
      'notification',
      event('/order', 'order.confirmed.v1', orderId, { orderId, customer }),
      100,
    ),
  )
  expect(audit.duplicatesRefused).toBeGreaterThanOrEqual(99)
}, 240_000)

test('a binding deleted by hand: events wait, a switch is refused, a deploy puts it back', async () => {
  await shopctlOk(['build'])
  await shopctlOk(['push'])
  await underLoad({ rate: 10 }, async () => {
    await manage('DELETE', '/bindings/%2F/e/shop.events/q/inventory/order.placed.v2')
    await until('an event comes back', async () =>
      (await list()).some(
        ({ service, state, type }) =>
          service === 'order' && state === 'unroutable' && type === 'order.placed.v2',
      ),
    )
    const refused = await shopctl(['switch'])
    expect(refused.exitCode).toBe(2)
    expect(refused.stderr).toContain('order.placed.v2')
    await shopctlOk(['deploy'])
    await until('nothing waits any more', async () => (await list()).length === 0)
  })
}, 300_000)
