import {
  orderCancelled,
  orderConfirmed,
  orderPlaced,
  reservationExpired,
} from '@shop/events/contracts'
import type { Envelope } from '@shop/events/envelope'
import * as inventory from '@shop/inventory/handlers'
import * as stock from '@shop/inventory/store'
import * as notification from '@shop/notification/handlers'
import { createMailSink, findKeptMails } from '@shop/notification/mail-sink'
import { createMailer } from '@shop/notification/mailer'
import * as notifications from '@shop/notification/store'
import { describe, expect, it, onTestFinished } from 'vitest'
import { deliverTo } from './deliver.ts'
import { arrived, createServiceDatabase, newId, nilId } from './infrastructure.ts'
import { startMailServer } from './mail-server.ts'

const customer = { email: 'ada@example.com' }
function cancelled(orderId: string) {
  return arrived(orderCancelled, orderId, { orderId, customer, reason: 'reservation-expired' })
}
function confirmed(orderId: string) {
  return arrived(orderConfirmed, orderId, { orderId, customer })
}
function typesOf(events: Envelope[]) {
  return events.map(({ type }) => type)
}

describe('inventory', () => {
  const placed = (orderId: string, sku: string, quantity: number) =>
    arrived(orderPlaced, orderId, {
      orderId,
      items: [{ sku, quantity }],
      customer,
      payment: { token: 'tok_ok' },
    })

  async function open() {
    const database = await createServiceDatabase('inventory')
    const account = async (sku: string) => {
      const found = (await stock.accounting(database)).stock.find((one) => one.sku === sku)
      if (!found) throw new Error(`no ${sku}`)
      expect(found.available + found.reserved + found.sold).toBe(found.initial)
      return found
    }
    return {
      database,
      account,
      deliver: deliverTo(database, inventory.subscriptions()),
      statusOf: async (orderId: string) =>
        (await stock.findReservation(database, orderId))?.status ?? null,
      expire: (ttlSeconds: number) =>
        database.transaction((tx) => inventory.expire(tx, ttlSeconds)),
    }
  }

  it('has the initial stock', async () => {
    const { account } = await open()
    const all = await Promise.all(['mug', 'tee', 'cap', 'rare'].map(account))
    expect(all.map(({ available }) => available)).toEqual([1_000_000, 1_000_000, 1_000_000, 10])
  })

  it('never reserves more than there is, however many orders come at once', async () => {
    const { deliver, account } = await open()
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => deliver(placed(newId(), 'rare', 3))),
    )
    const types = typesOf(answers.flat())
    expect(types.filter((type) => type === 'stock.reserved.v1')).toHaveLength(3)
    expect(types.filter((type) => type === 'stock.rejected.v1')).toHaveLength(5)
    expect(await account('rare')).toMatchObject({ available: 1, reserved: 9 })
  })

  it('releases the stock of a cancelled order once', async () => {
    const { deliver, account } = await open()
    const orderId = newId()
    await deliver(placed(orderId, 'mug', 5))
    expect(await account('mug')).toMatchObject({ available: 999_995, reserved: 5 })
    await Promise.all([deliver(cancelled(orderId)), deliver(cancelled(orderId))])
    expect(await account('mug')).toMatchObject({ available: 1_000_000, reserved: 0, released: 5 })
  })

  it('sells the stock of a confirmed order, and a late cancellation does not release it', async () => {
    const { deliver, account, statusOf } = await open()
    const orderId = newId()
    await deliver(placed(orderId, 'mug', 5))
    await deliver(confirmed(orderId))
    await deliver(confirmed(orderId))
    await deliver(cancelled(orderId))
    expect(await statusOf(orderId)).toBe('sold')
    expect(await account('mug')).toMatchObject({ available: 999_995, reserved: 0, sold: 5 })
  })

  it('throws on a confirmed order without a reservation', async () => {
    const { deliver } = await open()
    await expect(deliver(confirmed(newId()))).rejects.toThrow('without a reservation')
  })

  it('reserves nothing for an order that was cancelled before', async () => {
    const { deliver, account, statusOf } = await open()
    const orderId = newId()
    await deliver(cancelled(orderId))
    expect(await deliver(placed(orderId, 'mug', 5))).toEqual([])
    expect(await statusOf(orderId)).toBe('rejected')
    expect(await account('mug')).toMatchObject({ available: 1_000_000, reserved: 0 })
  })

  it('publishes each expired reservation once, and releases nothing by itself', async () => {
    const { deliver, account, expire } = await open()
    const [open1, open2, sold, released] = [newId(), newId(), newId(), newId()]
    for (const orderId of [open1, open2, sold, released]) await deliver(placed(orderId, 'tee', 1))
    await deliver(confirmed(sold))
    await deliver(cancelled(released))
    expect(await expire(900)).toEqual([])
    const asked = await Promise.all([expire(0), expire(0)])
    expect(
      asked
        .flat()
        .map(({ subject }) => subject)
        .sort(),
    ).toEqual([open1, open2].sort())
    expect(asked.flat()[0]?.type).toBe(reservationExpired.type)
    expect(await expire(0)).toEqual([])
    expect(await account('tee')).toMatchObject({ reserved: 2, sold: 1, released: 1 })
    await deliver(cancelled(open1))
    await deliver(confirmed(open2))
    expect(await account('tee')).toMatchObject({ reserved: 0, sold: 2, released: 2 })
  })

  it('lists reservations by order, page by page', async () => {
    const { database, deliver } = await open()
    const ids = [newId(), newId(), newId()].sort()
    await Promise.all(ids.map((orderId) => deliver(placed(orderId, 'nope', 1))))
    const first = await stock.entries(database, nilId, 2)
    expect(first).toEqual(ids.slice(0, 2).map((orderId) => ({ id: orderId, status: 'rejected' })))
    expect(await stock.entries(database, ids[1] ?? '', 2)).toHaveLength(1)
    expect(await stock.entries(database, ids[2] ?? '', 2)).toEqual([])
  })
})

describe('notification', () => {
  async function open() {
    const server = await startMailServer()
    const mailer = createMailer(server.url, 'Shop <orders@shop.example>')
    onTestFinished(() => mailer.close())
    const database = await createServiceDatabase('notification')
    const deliver = deliverTo(database, notification.subscriptions({ mailer }))
    return { ...server, database, deliver }
  }

  it('sends one mail, with an id that depends on the order and the outcome only', async () => {
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

  it('sends it again when the mail server refused it, and counts the repetition', async () => {
    const { mails, refuse, database, deliver } = await open()
    const event = confirmed(newId())
    refuse(true)
    // The server's reply names the recipient, who must not appear in logs.
    const message = 'the mail server refused the mail: 450 EMESSAGE'
    await expect(deliver(event)).rejects.toThrow(expect.objectContaining({ message }))
    expect(await notifications.accounting(database)).toMatchObject({ sent: 0, unsent: 1 })
    refuse(false)
    await deliver(event)
    expect(mails).toHaveLength(1)
    expect(await notifications.accounting(database)).toMatchObject({ sent: 1, repeats: 1 })
  })

  it('lists one entry per outcome, and all entries of an order on one page', async () => {
    const { database, deliver } = await open()
    const [first = '', second = ''] = [newId(), newId()].sort()
    for (const event of [confirmed(first), cancelled(first), cancelled(second)]) {
      await deliver(event)
    }
    const line = { sent: true, repeats: 0 }
    expect(await notifications.entries(database, nilId, 1)).toEqual([
      { id: first, outcome: 'cancelled', ...line },
      { id: first, outcome: 'confirmed', ...line },
    ])
    expect(await notifications.entries(database, first, 1)).toEqual([
      { id: second, outcome: 'cancelled', ...line },
    ])
  })

  it('stores the mail of the preview plane in the sink', async () => {
    const database = await createServiceDatabase('notification')
    const mailer = createMailSink(database, 'Shop <orders@shop.example>')
    const deliver = deliverTo(database, notification.subscriptions({ mailer }))
    const orderId = newId()
    await deliver(confirmed(orderId))
    await deliver(confirmed(orderId))
    const messageId = `<${orderId}.confirmed@shop.example>`
    const [kept, ...more] = await findKeptMails(database, [messageId])
    expect(more).toEqual([])
    expect(kept).toMatchObject({ messageId, to: customer.email })
    expect(kept?.message).toContain(`Message-ID: ${messageId}`)
    expect(kept?.message).toContain('To: ada@example.com')
  })
})
