import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { orderCancelled, paymentCaptured, stockReserved } from '@shop/events/contracts'
import type { Envelope } from '@shop/events/envelope'
import type { Database } from '@shop/kernel/database'
import * as books from '@shop/payment/accounting'
import * as payment from '@shop/payment/handlers'
import { createPaymentMetrics } from '@shop/payment/metrics'
import type { PaymentProvider } from '@shop/payment/provider'
import { createSandbox } from '@shop/payment/sandbox'
import { describe, expect, it } from 'vitest'
import { deliverTo } from './deliver.ts'
import {
  arrived,
  metrics as counts,
  createServiceDatabase,
  newId,
  nilId,
  setting,
} from './infrastructure.ts'

const metrics = createPaymentMetrics(counts)

const customer = { email: 'ada@example.com' }
const amount = { value: 1200, currency: 'EUR' }
function cancelled(orderId: string) {
  return arrived(orderCancelled, orderId, { orderId, customer, reason: 'reservation-expired' })
}
function typesOf(events: Envelope[]) {
  return events.map(({ type }) => type)
}

function reserved(orderId: string, token: string) {
  return arrived(stockReserved, orderId, { orderId, amount, payment: { token } })
}

async function open(disturb: (sandbox: PaymentProvider) => PaymentProvider = (one) => one) {
  const database = await createServiceDatabase('payment')
  const provider = disturb(createSandbox(database))
  return {
    database,
    provider,
    deliver: deliverTo(database, payment.subscriptions({ provider, newId, metrics })),
    account: () => books.accounting({ database, provider }),
    entries: (after = nilId, limit = 10) => books.entries({ database, provider }, after, limit),
  }
}

describe('payment', () => {
  it('is captured or declined as the provider answers', async () => {
    const { deliver } = await open()
    expect(typesOf(await deliver(reserved(newId(), 'tok_ok')))).toEqual(['payment.captured.v1'])
    expect(typesOf(await deliver(reserved(newId(), 'tok_declined')))).toEqual([
      'payment.declined.v1',
    ])
  })

  it('is captured once, however often and concurrently the event arrives', async () => {
    const { account, deliver, entries } = await open()
    const orderId = newId()
    const event = reserved(orderId, 'tok_ok')
    const again = reserved(orderId, 'tok_ok')
    const events = await Promise.all([event, event, again, event, again].map(deliver))
    expect(typesOf(events.flat())).toEqual([paymentCaptured.type])
    expect(await account()).toMatchObject({ captured: 1, intended: 0, captures: 1, refunds: 0 })
    expect(await entries()).toEqual([{ id: orderId, status: 'captured', captures: 1, refunds: 0 }])
  })

  it('is captured with the same key after a failure between the provider and the commit', async () => {
    let fail = true
    const { account, database, deliver } = await open((sandbox) => ({
      ...sandbox,
      async capture(charge) {
        const outcome = await sandbox.capture(charge)
        if (fail) throw new Error('crashed after the money was taken')
        return outcome
      },
    }))
    const event = reserved(newId(), 'tok_ok')
    await expect(deliver(event)).rejects.toThrow('crashed')
    expect(await account()).toMatchObject({ intended: 1, captured: 0, captures: 1 })
    fail = false
    expect(typesOf(await deliver(event))).toEqual([paymentCaptured.type])
    expect(await account()).toMatchObject({ intended: 0, captured: 1, captures: 1 })
    expect(await database.query('SELECT requests FROM sandbox_charges')).toEqual([{ requests: 2 }])
  })

  it('is refunded for a cancelled order, and not captured afterwards', async () => {
    const { account, deliver } = await open()
    const [first, second, third] = [newId(), newId(), newId()]
    await deliver(reserved(first, 'tok_ok'))
    await Promise.all([deliver(cancelled(first)), deliver(cancelled(first))])
    await deliver(cancelled(first))
    await deliver(cancelled(second))
    expect(await deliver(reserved(second, 'tok_ok'))).toEqual([])
    await deliver(reserved(third, 'tok_declined'))
    await deliver(cancelled(third))
    expect(await account()).toEqual({
      intended: 0,
      captured: 0,
      declined: 1,
      cancelled: 1,
      refunded: 1,
      captures: 1,
      refunds: 1,
    })
  })

  it.each([
    ['the money was taken before', 'answer', { status: 'refunded', captures: 1, refunds: 1 }],
    ['the request was still on its way', 'request', { status: 'cancelled', captures: 0 }],
  ] as const)(
    'is refunded or never captured when the order is cancelled and %s',
    async (_name, slow, expected) => {
      const reached = Promise.withResolvers<void>()
      const goOn = Promise.withResolvers<void>()
      const { deliver, entries } = await open((sandbox) => ({
        ...sandbox,
        async capture(charge) {
          const early = slow === 'answer' ? await sandbox.capture(charge) : null
          reached.resolve()
          await goOn.promise
          return early ?? sandbox.capture(charge)
        },
      }))
      const orderId = newId()
      const capturing = deliver(reserved(orderId, 'tok_ok'))
      await reached.promise
      await deliver(cancelled(orderId))
      goOn.resolve()
      expect(await capturing).toEqual([])
      expect(await entries()).toMatchObject([{ id: orderId, ...expected }])
    },
  )

  it('is refunded again when the first refund failed before the commit', async () => {
    let fail = true
    const { deliver, entries } = await open((sandbox) => ({
      ...sandbox,
      async refund(key) {
        await sandbox.refund(key)
        if (fail) throw new Error('crashed after the refund')
      },
    }))
    const orderId = newId()
    await deliver(reserved(orderId, 'tok_ok'))
    await expect(deliver(cancelled(orderId))).rejects.toThrow('crashed')
    fail = false
    await deliver(cancelled(orderId))
    expect(await entries()).toEqual([{ id: orderId, status: 'refunded', captures: 1, refunds: 1 }])
  })

  it('is counted twice when captured with another key', async () => {
    const { deliver, entries, provider } = await open()
    const orderId = newId()
    await deliver(reserved(orderId, 'tok_ok'))
    await provider.capture({ idempotencyKey: newId(), orderId, token: 'tok_ok', amount })
    expect(await entries()).toMatchObject([{ id: orderId, captures: 2 }])
  })

  it('is listed by order, page by page', async () => {
    const { deliver, entries } = await open()
    const ids = [newId(), newId(), newId()].sort()
    await Promise.all(ids.map((orderId) => deliver(reserved(orderId, 'tok_ok'))))
    expect((await entries(nilId, 2)).map(({ id }) => id)).toEqual(ids.slice(0, 2))
    expect((await entries(ids[1], 2)).map(({ id }) => id)).toEqual(ids.slice(2))
  })
})

describe('a payment whose process is killed', () => {
  const worker = fileURLToPath(new URL('payment-worker.ts', import.meta.url))

  /** Handles an event in another process, which is killed at `fault`. Resolves with the signal or the exit code. */
  async function handleIn(database: Database, event: Envelope, fault: string) {
    const [row] = await database.query<{ schema: string }>('SELECT current_schema() AS schema')
    const url = new URL(setting('SHOP_TEST_DATABASE_URL'))
    url.searchParams.set('options', `-c search_path=${row?.schema}`)
    const env = { ...process.env, DATABASE_URL: url.href, SHOP_FAULT: fault }
    const child = spawn(process.execPath, [worker], { env, stdio: ['pipe', 'inherit', 'inherit'] })
    child.stdin.end(JSON.stringify(event))
    const [code, signal] = await once(child, 'exit')
    return signal ?? code
  }

  it.each([
    ['payment.intended', 0],
    ['payment.captured', 1],
  ])('at %s leaves an intent, and is settled once by the retry', async (fault, captures) => {
    const { account, database, deliver } = await open()
    const event = reserved(newId(), 'tok_ok')
    expect(await handleIn(database, event, fault)).toBe('SIGKILL')
    expect(await account()).toMatchObject({ intended: 1, captured: 0, captures })
    expect(typesOf(await deliver(event))).toEqual([paymentCaptured.type])
    expect(await deliver(event)).toEqual([])
    expect(await account()).toMatchObject({ intended: 0, captured: 1, captures: 1 })
  })

  it.each([
    ['payment.intended', { cancelled: 1, captures: 0, refunds: 0 }],
    ['payment.captured', { refunded: 1, captures: 1, refunds: 1 }],
  ])(
    'at %s is cancelled or refunded when the order is cancelled before the retry',
    async (fault, expected) => {
      const { account, database, deliver } = await open()
      const orderId = newId()
      const event = reserved(orderId, 'tok_ok')
      expect(await handleIn(database, event, fault)).toBe('SIGKILL')
      await deliver(cancelled(orderId))
      expect(await deliver(event)).toEqual([])
      expect(await account()).toMatchObject({ intended: 0, captured: 0, ...expected })
    },
  )
})
