// Sums up the accounting of the services, and finds violations.
import { z } from 'zod'
import type { Group } from './merge.ts'
import { type Excuse, type Facts, judge, type Service, services } from './rules.ts'

const count = z.int().nonnegative()

/** The part of `GET /accounting` that the audit reads. */
const account = z.looseObject({
  /** The time of the count, by the database's clock. The clock of the order ids is close to it. */
  at: z.number(),
  outbox: z.looseObject({ waiting: count }),
  queued: count,
  dead: count,
  retrying: count,
  parked: count,
  /** Parked messages that were deleted because of their age. An earlier version deletes none. */
  expired: count.default(0),
  duplicatesRefused: count,
  /** Deliveries that pods have not settled. Added by shopctl. */
  inFlight: count.default(0),
  byEpoch: z.array(
    z.looseObject({
      epoch: z.int().nullable(),
      color: z.string().nullable(),
      revision: z.string().nullable().default(null),
      handled: count,
    }),
  ),
})

const stock = z.looseObject({
  sku: z.string(),
  initial: z.int(),
  available: z.int(),
  reserved: z.int(),
  sold: z.int(),
  released: z.int(),
})

const own = {
  order: z.looseObject({
    accepted: count,
    confirmed: count,
    rejected: count,
    cancelled: count,
    open: count,
  }),
  inventory: z.looseObject({ stock: z.array(stock) }),
  payment: z.looseObject({ captures: count, refunds: count }),
  notification: z.looseObject({ sent: count, repeats: count }),
}

const accountsSchema = z.object({
  order: account.extend({ own: own.order }),
  inventory: account.extend({ own: own.inventory }),
  payment: account.extend({ own: own.payment }),
  notification: account.extend({ own: own.notification }),
})

export type Accounts = z.infer<typeof accountsSchema>

/** Parses the accounting. Throws an error that names each missing field. */
export function readAccounts(documents: Record<Service, unknown>): Accounts {
  const read = accountsSchema.safeParse(documents)
  if (!read.success) throw new Error(z.prettifyError(read.error))
  return read.data
}

export interface Violation {
  rule: string
  /** The number of orders. */
  count: number
  /** The ids of the first orders. */
  orders: string[]
}

const idsShown = 100
/**
 * Findings about orders younger than this are no violations. A message in transit is not counted anywhere, and an order may
 * change between the readings of two services. When the shop is quiet, only the former can happen.
 */
const freshMs = { quiet: 2_000, moving: 60_000 }

/** When an order was placed. Its id is a UUIDv7, which contains the time. */
function placedAt(orderId: string): number {
  return Number.parseInt(orderId.replace('-', '').slice(0, 12), 16)
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
function number(value: unknown): number {
  return typeof value === 'number' ? value : 0
}

function factsOf({ entries }: Group<Service>): Facts {
  const [order] = entries.order
  const [inventory] = entries.inventory
  const [payment] = entries.payment
  return {
    order: order ? { status: text(order.status) } : null,
    inventory: inventory ? { status: text(inventory.status) } : null,
    payment: payment
      ? {
          status: text(payment.status),
          captures: number(payment.captures),
          refunds: number(payment.refunds),
        }
      : null,
    notifications: entries.notification.map(({ outcome, sent }) => ({
      outcome: text(outcome),
      sent: sent === true,
    })),
  }
}

/** Whether the waiting messages can explain a finding about this many orders. */
function excuses(accounts: Accounts): (excuse: Excuse, orders: number) => boolean {
  const outbox = services.reduce((sum, name) => sum + accounts[name].outbox.waiting, 0)
  const before = (name: Service): number => {
    const { queued, dead, retrying, inFlight } = accounts[name]
    return queued + dead + retrying + inFlight
  }
  const anywhere = outbox + services.reduce((sum, name) => sum + before(name), 0)
  return (excuse, orders) => {
    if (excuse === 'nothing' || excuse === 'moving') return false
    // One message can explain one order at most.
    if (excuse === 'anywhere') return orders <= anywhere
    const { parked, expired } = accounts[excuse]
    return orders <= outbox + before(excuse) + parked + expired
  }
}

/** Reads all orders once. Keeps only violations in memory. */
async function findViolations(
  accounts: Accounts,
  groups: AsyncIterable<Group<Service>>,
  quiet: boolean,
): Promise<Violation[]> {
  const old = accounts.order.at - (quiet ? freshMs.quiet : freshMs.moving)
  const found = new Map<string, Violation & { excuse: Excuse }>()
  for await (const group of groups) {
    const fresh = placedAt(group.id) >= old
    for (const { rule, excuse } of judge(factsOf(group))) {
      if (fresh && excuse !== 'nothing') continue
      const key = `${rule} ${excuse}`
      const violation = found.get(key) ?? { rule, count: 0, orders: [], excuse }
      violation.count += 1
      if (violation.orders.length < idsShown) violation.orders.push(group.id)
      found.set(key, violation)
    }
  }
  const isExcused = excuses(accounts)
  return [...found.values()]
    .filter(({ excuse, count }) => !isExcused(excuse, count))
    .map(({ rule, count, orders }) => ({ rule, count, orders }))
}

function findWrongSums({ order, inventory }: Accounts): Violation[] {
  const { accepted, confirmed, rejected, cancelled, open } = order.own
  const wrong = (rule: string): Violation => ({ rule, count: 0, orders: [] })
  return [
    ...(accepted === confirmed + rejected + cancelled + open
      ? []
      : [wrong('confirmed + rejected + cancelled + open is not the number of accepted orders')]),
    ...inventory.own.stock
      .filter(
        ({ initial, available, reserved, sold }) =>
          available < 0 || initial !== available + reserved + sold,
      )
      .map(({ sku, available }) =>
        wrong(
          available < 0
            ? `stock of ${sku}: the available stock is negative`
            : `stock of ${sku}: available + reserved + sold is not the initial stock`,
        ),
      ),
  ]
}

/** The document of `shopctl audit --json`, without its version. `quiet`: no order changed while the services were read. */
export async function sumUp(
  accounts: Accounts,
  groups: AsyncIterable<Group<Service>>,
  quiet: boolean,
) {
  const violations = [
    ...findWrongSums(accounts),
    ...(await findViolations(accounts, groups, quiet)),
  ]
  const { accepted, confirmed, rejected, cancelled, open } = accounts.order.own
  const total = (of: (account: Accounts[Service]) => number): number =>
    services.reduce((sum, name) => sum + of(accounts[name]), 0)
  const pieces = (of: 'initial' | 'reserved' | 'released' | 'sold' | 'available'): number =>
    accounts.inventory.own.stock.reduce((sum, one) => sum + one[of], 0)
  return {
    balanced: violations.length === 0,
    orders: { accepted, confirmed, rejected, cancelled, open },
    captures: accounts.payment.own.captures,
    refunds: accounts.payment.own.refunds,
    notifications: accounts.notification.own.sent,
    notificationRepeats: accounts.notification.own.repeats,
    stock: {
      initial: pieces('initial'),
      reserved: pieces('reserved'),
      released: pieces('released'),
      sold: pieces('sold'),
      available: pieces('available'),
    },
    outbox: total(({ outbox }) => outbox.waiting),
    queued: total(({ queued, dead }) => queued + dead),
    retrying: total(({ retrying }) => retrying),
    parked: total(({ parked }) => parked),
    expired: total(({ expired }) => expired),
    duplicatesRefused: total(({ duplicatesRefused }) => duplicatesRefused),
    byEpoch: services.flatMap((service) =>
      accounts[service].byEpoch.map(({ epoch, color, revision, handled }) => ({
        service,
        epoch,
        color,
        revision,
        handled,
      })),
    ),
    violations,
  }
}
