// What leaves the pod about stuck messages. services/test has the tests with a real database.
import { describe, expect, it } from 'vitest'
import { kernelAccounting } from '../accounting.ts'
import type { Database, Queries } from '../database.ts'
import { createMessages } from '../messages.ts'
import type { Outbox } from '../outbox.ts'

const id = '01930d4e-0000-7000-8000-000000000000'
const reason = '550 5.1.1 <ada@example.com>: no order with tok_ok'
const hidden = '550 5.1.1 <***>: no order with ***'
const event = { id, data: { customer: { email: 'ada@example.com' } } }

/** A database that answers each query with these rows. */
function answering(rows: unknown[]): Queries {
  return { query: async () => rows as never }
}

describe('the reason of a stuck message', () => {
  const row = { id, state: 'parked', reason, body: Buffer.from(JSON.stringify(event)) }
  const messages = createMessages({
    database: answering([row]) as Database,
    outbox: {} as Outbox,
    service: 'notification',
  })
  const ask = (query = '') => ({ params: { id }, query: new URLSearchParams(query) })

  it('is masked in the list', async () => {
    expect(await messages.list(ask())).toMatchObject({ body: [{ id, reason: hidden }] })
    expect(await messages.list(ask('reveal=true'))).toMatchObject({ body: [{ reason: hidden }] })
  })

  it('is shown on request only, as the event is', async () => {
    const data = { customer: { email: '***' } }
    expect(await messages.show(ask())).toMatchObject({
      body: { reason: hidden, event: { ...event, data } },
    })
    expect(await messages.show(ask('reveal=true'))).toMatchObject({ body: { reason, event } })
  })
})

it('the accounting masks why another system is away', async () => {
  const away = [{ dependency: 'the mail server', since: '2026-01-01T00:00:00Z', reason }]
  const database = answering([{ messages: 1, oldestAt: null, away }])
  const bus = { depth: async () => 0 }
  expect(await kernelAccounting({ database, bus }, 'notification')).toMatchObject({
    waiting: { messages: 1, away: [{ dependency: 'the mail server', reason: hidden }] },
  })
})
