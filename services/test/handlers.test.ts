import {
  orderCancelled,
  orderConfirmed,
  orderPlaced,
  paymentCaptured,
  stockReserved,
} from '@shop/events/contracts'
import type { Envelope } from '@shop/events/envelope'
import * as inventory from '@shop/inventory/handlers'
import { accounting as stockAccounting } from '@shop/inventory/store'
import type { Database } from '@shop/kernel/database'
import type { Subscription } from '@shop/kernel/inbox'
import * as notification from '@shop/notification/handlers'
import { createMailer } from '@shop/notification/mailer'
import * as payment from '@shop/payment/handlers'
import { createSandbox } from '@shop/payment/sandbox'
import { accounting as paymentAccounting } from '@shop/payment/store'
import { describe, expect, it, onTestFinished } from 'vitest'
import { arrived, createServiceDatabase, newId, openOutbox } from './infrastructure.ts'
import { startMailServer } from './mail-server.ts'

const customer = { email: 'ada@example.com' }
const amount = { value: 1200, currency: 'EUR' }

/** Delivers events to a service and tells which types it answers with. */
function deliverTo(database: Database, subscriptions: Subscription[]) {
  return async (event: Envelope): Promise<string[]> => {
    const subscription = subscriptions.find(({ type }) => type === event.type)
    await subscription?.receive(event, { consumer: 'test', outbox: openOutbox(database) })
    const told = await database.query<{ type: string }>('DELETE FROM outbox RETURNING type')
    return told.map(({ type }) => type)
  }
}

describe('inventory', () => {
  const placed = (orderId: string, sku: string, quantity: number) =>
    arrived(orderPlaced, orderId, {
      orderId,
      items: [{ sku, quantity }],
      customer,
      payment: { token: 'tok_ok' },
    })
  const cancelled = (orderId: string) =>
    arrived(orderCancelled, orderId, { orderId, customer, reason: 'card-declined' })

  async function open() {
    const database = await createServiceDatabase('inventory')
    const available = async (sku: string) =>
      (await stockAccounting(database)).stock.find((one) => one.sku === sku)?.available
    return { deliver: deliverTo(database, inventory.subscriptions()), available }
  }

  it('has the stock that was promised', async () => {
    const { available } = await open()
    expect(await Promise.all(['mug', 'tee', 'cap', 'rare'].map(available))).toEqual([
      1_000_000, 1_000_000, 1_000_000, 10,
    ])
  })

  it('never sells more than there is, however many ask at once', async () => {
    const { deliver, available } = await open()
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => deliver(placed(newId(), 'rare', 3))),
    )
    const told = answers.flat()
    expect(told.filter((type) => type === 'stock.reserved.v1')).toHaveLength(3)
    expect(told.filter((type) => type === 'stock.rejected.v1')).toHaveLength(5)
    expect(await available('rare')).toBe(1)
  })

  it('takes back once what a cancelled order had', async () => {
    const { deliver, available } = await open()
    const orderId = newId()
    await deliver(placed(orderId, 'mug', 5))
    expect(await available('mug')).toBe(999_995)
    await deliver(cancelled(orderId))
    await deliver(cancelled(orderId))
    expect(await available('mug')).toBe(1_000_000)
  })

  it('reserves nothing for an order whose cancellation was faster', async () => {
    const { deliver, available } = await open()
    const orderId = newId()
    await deliver(cancelled(orderId))
    expect(await deliver(placed(orderId, 'mug', 5))).toEqual([])
    expect(await available('mug')).toBe(1_000_000)
  })
})

describe('payment', () => {
  const reserved = (orderId: string, token: string) =>
    arrived(stockReserved, orderId, { orderId, amount, payment: { token } })
  const cancelled = (orderId: string) =>
    arrived(orderCancelled, orderId, { orderId, customer, reason: 'card-declined' })

  async function open() {
    const database = await createServiceDatabase('payment')
    const provider = createSandbox(database)
    return {
      database,
      provider,
      deliver: deliverTo(database, payment.subscriptions({ database, provider, newId })),
    }
  }

  it('captures or declines by what the provider says', async () => {
    const { deliver } = await open()
    expect(await deliver(reserved(newId(), 'tok_ok'))).toEqual(['payment.captured.v1'])
    expect(await deliver(reserved(newId(), 'tok_declined'))).toEqual(['payment.declined.v1'])
  })

  it('charges once, however often and concurrently it is asked', async () => {
    const { database, deliver } = await open()
    const orderId = newId()
    const event = reserved(orderId, 'tok_ok')
    const again = reserved(orderId, 'tok_ok')
    const told = await Promise.all([event, event, again, event, again].map(deliver))
    expect(told.flat()).toEqual([paymentCaptured.type])
    expect(await paymentAccounting(database)).toMatchObject({
      payments: { captured: 1, intended: 0 },
      provider: { captures: 1 },
    })
  })

  it('asks again with the same key when it failed between the provider and the commit', async () => {
    const { database, provider } = await open()
    let fail = true
    const flaky = {
      ...provider,
      async capture(charge: Parameters<typeof provider.capture>[0]) {
        const outcome = await provider.capture(charge)
        if (fail) throw new Error('crashed after the money was taken')
        return outcome
      },
    }
    const deliver = deliverTo(database, payment.subscriptions({ database, provider: flaky, newId }))
    const event = reserved(newId(), 'tok_ok')
    await expect(deliver(event)).rejects.toThrow('crashed')
    fail = false
    expect(await deliver(event)).toEqual([paymentCaptured.type])
    expect(await paymentAccounting(database)).toMatchObject({
      payments: { captured: 1 },
      provider: { captures: 1, repeatedRequests: 1 },
    })
  })

  it('gives back the money of a cancelled order, and takes none afterwards', async () => {
    const { database, deliver } = await open()
    const [first, second, third] = [newId(), newId(), newId()]
    await deliver(reserved(first, 'tok_ok'))
    await deliver(cancelled(first))
    await deliver(cancelled(second))
    expect(await deliver(reserved(second, 'tok_ok'))).toEqual([])
    await deliver(reserved(third, 'tok_declined'))
    await deliver(cancelled(third))
    expect(await paymentAccounting(database)).toMatchObject({
      payments: { captured: 0, cancelled: 2, declined: 1 },
      provider: { captures: 0, voids: 1 },
    })
  })
})

describe('notification', () => {
  const confirmed = (orderId: string) => arrived(orderConfirmed, orderId, { orderId, customer })

  async function open() {
    const server = await startMailServer()
    const mailer = createMailer(server.url, 'Shop <orders@shop.example>')
    onTestFinished(() => mailer.close())
    const database = await createServiceDatabase('notification')
    const deliver = deliverTo(database, notification.subscriptions({ database, mailer }))
    return { ...server, deliver }
  }

  it('sends one mail, with an id that is the same for each repetition', async () => {
    const { mails, deliver } = await open()
    const orderId = newId()
    const event = confirmed(orderId)
    await deliver(event)
    await deliver(event)
    await deliver(confirmed(orderId))
    expect(mails).toHaveLength(1)
    expect(mails[0]).toContain('To: ada@example.com')
    expect(mails[0]).toContain(`Message-ID: <${orderId}.confirmed@shop.example>`)
  })

  it('sends it later when the mail server refuses at first', async () => {
    const { mails, refuse, deliver } = await open()
    const event = confirmed(newId())
    refuse(true)
    await expect(deliver(event)).rejects.toThrow('mailbox full')
    refuse(false)
    await deliver(event)
    expect(mails).toHaveLength(1)
  })
})
