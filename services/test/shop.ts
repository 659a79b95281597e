// The four services with real databases in one process, and a list of messages instead of the broker.
import type { Envelope } from '@shop/events/envelope'
import * as inventory from '@shop/inventory/handlers'
import * as stock from '@shop/inventory/store'
import type { Database } from '@shop/kernel/database'
import type { Subscription } from '@shop/kernel/inbox'
import * as notification from '@shop/notification/handlers'
import { createMailSink, findKeptMails } from '@shop/notification/mail-sink'
import type { Mailer } from '@shop/notification/mailer'
import * as notifications from '@shop/notification/store'
import { place, placeV2 } from '@shop/order/domain'
import * as order from '@shop/order/handlers'
import { createOrderMetrics } from '@shop/order/metrics'
import * as orders from '@shop/order/store'
import * as books from '@shop/payment/accounting'
import * as payment from '@shop/payment/handlers'
import { createPaymentMetrics } from '@shop/payment/metrics'
import type { PaymentProvider } from '@shop/payment/provider'
import { createSandbox } from '@shop/payment/sandbox'
import { deliverTo, takeOutbox } from './deliver.ts'
import { createServiceDatabase, metrics, newId, openOutbox, trace } from './infrastructure.ts'

export type ServiceName = 'order' | 'inventory' | 'payment' | 'notification'

/** A copy of an event on its way to one service. */
export interface Delivery {
  to: ServiceName
  event: Envelope
}

export type Placement = Parameters<typeof place>[1]

export const slot = { color: 'blue', version: 'v1' }

export interface Shop {
  databases: Record<ServiceName, Database>
  provider: PaymentProvider
  /** Messages in transit. Deliver them in any order, and as often as you like. */
  pending: Delivery[]
  place(placement: Placement): Promise<string>
  /** Handles the delivery. Then the service's new events are pending. Throws the error of the handler. */
  deliver(delivery: Delivery): Promise<void>
  /** Makes events pending that services have stored without a delivery. */
  collect(): Promise<void>
  /** Expires all reservations. */
  expire(): Promise<void>
  /** Tokens that the payment service keeps. */
  tokens(): Promise<string[]>
  /** The state of an order in each service. */
  look(orderId: string): Promise<Look>
  stock(): Promise<stock.StockAccount[]>
}

export interface Look {
  order: string
  reservation: string | null
  payment: { status: string; captures: number; refunds: number } | null
  notifications: { outcome: string; sent: boolean; repeats: number }[]
  mails: number
}

/** Wrappers around the payment provider and the mailer. */
export interface Disturbances {
  provider?: (sandbox: PaymentProvider) => PaymentProvider
  mailer?: (sink: Mailer) => Mailer
}

export interface Versions {
  /** The version of order.placed that the order service writes. */
  placed: 'v1' | 'v2'
  /** Services of the version before, which read only these types. */
  earlier?: Partial<Record<ServiceName, string[]>>
}

export async function createShop(
  disturb: Disturbances = {},
  { placed, earlier = {} }: Versions = { placed: 'v2' },
): Promise<Shop> {
  const databases = {
    order: await createServiceDatabase('order'),
    inventory: await createServiceDatabase('inventory'),
    payment: await createServiceDatabase('payment'),
    notification: await createServiceDatabase('notification'),
  }
  const names = Object.keys(databases) as ServiceName[]
  const sandbox = createSandbox(databases.payment)
  const provider = disturb.provider?.(sandbox) ?? sandbox
  const sink = createMailSink(databases.notification, 'Shop <orders@shop.example>')
  const mailer = disturb.mailer?.(sink) ?? sink
  const subscriptions: Record<ServiceName, Subscription[]> = {
    order: order.subscriptions(slot, createOrderMetrics(metrics)),
    inventory: inventory.subscriptions(),
    payment: payment.subscriptions({ provider, newId, metrics: createPaymentMetrics(metrics) }),
    notification: notification.subscriptions({ mailer }),
  }
  for (const name of names) {
    const types = earlier[name]
    if (types) subscriptions[name] = subscriptions[name].filter(({ type }) => types.includes(type))
  }
  const deliverers = Object.fromEntries(
    names.map((name) => [name, deliverTo(databases[name], subscriptions[name])] as const),
  )
  const pending: Delivery[] = []

  function publish(events: Envelope[]): void {
    for (const event of events) {
      for (const to of names) {
        if (subscriptions[to].some(({ type }) => type === event.type)) pending.push({ to, event })
      }
    }
  }

  const write = (name: ServiceName) => openOutbox(databases[name])
  const collect = async () => {
    for (const name of names) publish(await takeOutbox(databases[name]))
  }

  return {
    databases,
    provider,
    pending,
    collect,
    async place(placement) {
      const id = newId()
      const { items, customer } = placement
      const stored = { id, items, customer, placedBy: slot, requestHash: '', response: '' }
      await write('order').commitUnfenced(trace, async (tx) => {
        await orders.insertOrder(tx, { ...stored, idempotencyKey: id })
        return {
          result: undefined,
          events: placed === 'v2' ? placeV2(id, placement) : [place(id, placement)],
        }
      })
      await collect()
      return id
    },
    async deliver({ to, event }) {
      publish((await deliverers[to]?.(event)) ?? [])
    },
    async expire() {
      await write('inventory').commitUnfenced(trace, async (tx) => ({
        result: undefined,
        events: await inventory.expire(tx, 0),
      }))
      await collect()
    },
    async tokens() {
      const rows = await databases.payment.query<{ token: string }>(
        'SELECT token FROM payment_tokens',
      )
      return rows.map(({ token }) => token)
    },
    look: (orderId) => look(databases, provider, orderId),
    stock: async () => (await stock.accounting(databases.inventory)).stock,
  }
}

async function look(
  databases: Record<ServiceName, Database>,
  provider: PaymentProvider,
  orderId: string,
): Promise<Look> {
  const of = ({ id }: { id: string }) => id === orderId
  const account = { database: databases.payment, provider }
  const before = predecessorOf(orderId)
  const paid = (await books.entries(account, before, 1)).find(of)
  const sent = (await notifications.entries(databases.notification, before, 1)).filter(of)
  const messageIds = sent.map(({ outcome }) => `<${orderId}.${outcome}@shop.example>`)
  const found = await orders.findOrder(databases.order, orderId)
  const reservation = await stock.findReservation(databases.inventory, orderId)
  return {
    order: found?.status ?? 'unknown',
    reservation: reservation?.status ?? null,
    payment: paid ? { status: paid.status, captures: paid.captures, refunds: paid.refunds } : null,
    notifications: sent.map(({ outcome, sent, repeats }) => ({ outcome, sent, repeats })),
    mails: (await findKeptMails(databases.notification, messageIds)).length,
  }
}

/** The greatest smaller UUID, so that a page after it begins with this one. */
function predecessorOf(uuid: string): string {
  const number = BigInt(`0x${uuid.replaceAll('-', '')}`) - 1n
  const hex = number.toString(16).padStart(32, '0')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
