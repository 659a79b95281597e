import { randomUUIDv7 } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Entry, Group } from '../audit/merge.ts'
import { rules, type Service } from '../audit/rules.ts'
import { type Accounts, readAccounts, sumUp } from '../audit/sum.ts'

/** Long after the orders of these tests were placed. */
const began = Date.now() + 60_000

function account(own: object, changes: object = {}) {
  return {
    at: began,
    outbox: { waiting: 0, failing: 0 },
    queued: 0,
    dead: 0,
    retrying: 0,
    parked: 0,
    duplicatesRefused: 0,
    byEpoch: [{ epoch: 1, color: 'blue', revision: 'r1', handled: 3 }],
    own,
    ...changes,
  }
}

const mug = { sku: 'mug', initial: 10, available: 7, reserved: 1, sold: 2, released: 4 }
const orders = { accepted: 4, confirmed: 2, rejected: 0, cancelled: 1, open: 1 }

function accounts(changes: Partial<Record<Service, object>> = {}, own: object = {}): Accounts {
  return readAccounts({
    order: account({ ...orders, ...own }, changes.order),
    inventory: account({ stock: [mug] }, changes.inventory),
    payment: account({ captures: 2, refunds: 0 }, changes.payment),
    notification: account({ sent: 3, repeats: 1 }, changes.notification),
  })
}

async function* groups(...all: Group<Service>[]): AsyncGenerator<Group<Service>, void> {
  yield* all
}

function group(entries: Partial<Record<Service, Omit<Entry, 'id'>[]>>): Group<Service> {
  const id = randomUUIDv7()
  const of = (service: Service): Entry[] => (entries[service] ?? []).map((one) => ({ id, ...one }))
  return {
    id,
    entries: {
      order: of('order'),
      inventory: of('inventory'),
      payment: of('payment'),
      notification: of('notification'),
    },
  }
}

/** Confirmed, without a notification. */
function unnotified() {
  return group({
    order: [{ status: 'confirmed' }],
    inventory: [{ status: 'sold' }],
    payment: [{ status: 'captured', captures: 1, refunds: 0 }],
  })
}

describe('sumUp', () => {
  it('adds up what the services say', async () => {
    const sum = await sumUp(
      accounts({ payment: { parked: 2, duplicatesRefused: 5 } }),
      groups(),
      true,
    )
    expect(sum).toMatchObject({
      balanced: true,
      orders,
      captures: 2,
      refunds: 0,
      notifications: 3,
      notificationRepeats: 1,
      stock: { initial: 10, reserved: 1, released: 4, sold: 2, available: 7 },
      outbox: 0,
      queued: 0,
      parked: 2,
      duplicatesRefused: 5,
      violations: [],
    })
    expect(sum.byEpoch).toContainEqual({
      service: 'payment',
      epoch: 1,
      color: 'blue',
      revision: 'r1',
      handled: 3,
    })
  })

  it('names the orders of a violation, the first hundred of them', async () => {
    const all = Array.from({ length: 150 }, unnotified)
    const { balanced, violations } = await sumUp(accounts(), groups(...all), true)
    expect(balanced).toBe(false)
    expect(violations).toEqual([
      { rule: rules.notNotified, count: 150, orders: all.slice(0, 100).map((one) => one.id) },
    ])
  })

  it('finds orders that do not add up', async () => {
    const { violations } = await sumUp(accounts({}, { accepted: 5 }), groups(), true)
    expect(violations.map(({ rule }) => rule)).toEqual([
      'confirmed + rejected + cancelled + open is not the number of accepted orders',
    ])
  })

  it('finds stock that does not add up', async () => {
    const wrong = account({ stock: [{ ...mug, available: 8 }] })
    const { violations } = await sumUp(accounts({ inventory: wrong }), groups(), true)
    expect(violations.map(({ rule }) => rule)).toEqual([
      'stock of mug: available + reserved + sold is not the initial stock',
    ])
  })

  it('finds stock that was given away more than once', async () => {
    const oversold = { ...mug, initial: 0, available: -1, reserved: 0, sold: 1 }
    const wrong = account({ stock: [oversold] })
    const { violations } = await sumUp(accounts({ inventory: wrong }), groups(), true)
    expect(violations.map(({ rule }) => rule)).toContain(
      'stock of mug: the available stock is negative',
    )
  })
})

describe('what excuses a finding', () => {
  const violated = async (of: Accounts, group: Group<Service>): Promise<string[]> =>
    (await sumUp(of, groups(group), true)).violations.map(({ rule }) => rule)

  it.each<[string, Partial<Record<Service, object>>]>([
    ['an event in any outbox', { payment: { outbox: { waiting: 1, failing: 0 } } }],
    ['a message in its queue', { notification: { queued: 1 } }],
    ['a dead letter', { notification: { dead: 1 } }],
    ['a retry', { notification: { retrying: 1 } }],
    ['a message at hand', { notification: { inFlight: 1 } }],
    ['a parked message', { notification: { parked: 1 } }],
  ])('%s, of the service that has to act', async (_, changes) => {
    expect(await violated(accounts(changes), unnotified())).toEqual([])
  })

  it('but not messages that wait for another service', async () => {
    const busy = accounts({ inventory: { queued: 9, retrying: 9, parked: 9 } })
    expect(await violated(busy, unnotified())).toEqual([rules.notNotified])
  })

  it.each([{ outbox: { waiting: 1, failing: 0 } }, { queued: 1 }, { retrying: 1 }, { parked: 1 }])(
    'one message explains one order only: %j',
    async (notification) => {
      const busy = accounts({ notification })
      const { violations } = await sumUp(busy, groups(unnotified(), unnotified()), true)
      expect(violations[0]?.count).toBe(2)
    },
  )

  it('a young order is excused, and an older one unless all is quiet', async () => {
    const now = accounts({ order: { at: Date.now() } })
    const soon = accounts({ order: { at: Date.now() + 10_000 } })
    const found = async (of: Accounts, quiet: boolean): Promise<string[]> =>
      (await sumUp(of, groups(unnotified()), quiet)).violations.map(({ rule }) => rule)
    expect(await found(now, true)).toEqual([])
    expect(await found(soon, false)).toEqual([])
    expect(await found(soon, true)).toEqual([rules.notNotified])
  })

  it('but nothing excuses a second capture', async () => {
    const twice = unnotified()
    twice.entries.payment[0] = { ...(twice.entries.payment[0] as Entry), captures: 2 }
    const busy = accounts({ notification: { queued: 9 }, payment: { queued: 9, parked: 9 } })
    expect(await violated(busy, twice)).toEqual([rules.capturedTwice])
  })
})

describe('readAccounts', () => {
  it('says what is missing, and where', () => {
    const { order, inventory, payment } = accounts()
    expect(() => readAccounts({ order, inventory, payment, notification: {} })).toThrow(
      /notification\.outbox/,
    )
  })
})
