// The metrics of what is stored, from a real database.
import { createMetrics } from '@shop/kernel/metrics'
import { expect, it } from 'vitest'
import { createServiceDatabase, identity, newId } from './infrastructure.ts'

async function stored(prepare: (id: () => string) => string[]): Promise<Record<string, number>> {
  const database = await createServiceDatabase('order')
  for (const statement of prepare(newId)) await database.query(statement)
  const { registry, of } = createMetrics(identity)
  of('live').stored.read(database)
  const lines = (await registry.metrics()).split('\n')
  const named = lines.flatMap((line) => {
    const [, name = '', value] = /^(outbox_\w+|messages_\w+){.*} ([\d.]+)$/.exec(line) ?? []
    return value === undefined ? [] : [[name, Math.round(Number(value))] as const]
  })
  return Object.fromEntries(named)
}

const event = (id: string, attempts: number, ago: string): string =>
  `INSERT INTO outbox (id, type, event, attempts, created_at, not_before)
   VALUES ('${id}', 'a', '{}', ${attempts}, now() - interval '${ago}',
     now() + interval '${attempts > 0 ? 20 : -1} s')`

const message = (id: string, state: string, cause: string, ago: string): string =>
  `INSERT INTO parked (message_id, state, attempts, reason, body, cause, first_failed_at)
   VALUES ('${id}', '${state}', 1, '-', '', '${cause}', now() - interval '${ago}')`

it('is nothing in an empty database', async () => {
  expect(await stored(() => [])).toEqual({
    outbox_events: 0,
    outbox_oldest_event_age_seconds: 0,
    messages_parked: 0,
    messages_retrying: 0,
    messages_waiting: 0,
    messages_waiting_oldest_age_seconds: 0,
  })
})

it('is how many events wait, and since when, also those that the broker refuses', async () => {
  expect(
    await stored((id) => [event(id(), 0, '1 s'), event(id(), 3, '90 s'), event(id(), 2, '30 s')]),
  ).toMatchObject({ outbox_events: 3, outbox_oldest_event_age_seconds: 90 })
})

it('is which messages wait for a person, for another attempt, or for another system', async () => {
  expect(
    await stored((id) => [
      message(id(), 'parked', 'other', '1 h'),
      message(id(), 'parked', 'unhandled', '1 h'),
      message(id(), 'retrying', 'other', '1 s'),
      message(id(), 'parked', 'waiting', '40 s'),
    ]),
  ).toMatchObject({
    messages_parked: 2,
    messages_retrying: 1,
    messages_waiting: 1,
    messages_waiting_oldest_age_seconds: 40,
  })
})
