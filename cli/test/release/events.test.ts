// What a verb tells while it runs. Each event is what its schema says.
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { failed } from '../../src/errors.ts'
import { type Event, payloads } from '../../src/release/ports/events.ts'
import type { JournalStore } from '../../src/release/ports/session.ts'
import { createShop, type Shop } from '../fakes/shop.ts'

/** The events, each checked, as `operation.ended switch r-1 done`. */
function told({ world }: Shop): string[] {
  return world.events.emitted.map((event) => {
    checkEvent(event)
    if (event.kind !== 'operation.started' && event.kind !== 'operation.ended') return event.kind
    const { verb, release, outcome } = event.payload.operation
    return `${event.kind} ${verb} ${release ?? '-'} ${outcome ?? '-'}`
  })
}

function checkEvent(event: Event): void {
  const schema = z.strictObject({
    version: z.literal(1),
    time: z.iso.datetime(),
    kind: z.literal(event.kind),
    payload: payloads[event.kind],
  })
  schema.parse(JSON.parse(JSON.stringify(event)))
}

describe('a release', () => {
  it('tells the start and the end of each operation', async () => {
    const shop = createShop()
    await shop.release()
    expect(told(shop)).toEqual([
      ...['operation.started deploy - -', 'operation.ended deploy - done'],
      ...['operation.started smoke - -', 'operation.ended smoke - done'],
      ...['operation.started switch r-1 -', 'operation.ended switch r-1 done'],
    ])
  })

  it('tells the proof of the switch', async () => {
    const shop = createShop()
    await shop.release()
    const last = shop.world.events.emitted.at(-1)
    expect(last).toMatchObject({
      payload: { operation: { services: [{ name: 'order', proof: { epoch: 1 } }, {}] } },
    })
  })

  it('tells a smoke test that failed', async () => {
    const shop = createShop()
    shop.world.programs.failing.add('smoke.ts')
    await expect(shop.release()).rejects.toMatchObject({ code: 'smoke-failed' })
    expect(told(shop).slice(2)).toEqual([
      'operation.started smoke - -',
      'operation.ended smoke - failed',
    ])
  })

  it('that has nothing to do tells nothing', async () => {
    const shop = createShop()
    await shop.release()
    shop.world.events.emitted.length = 0
    await shop.release()
    expect(told(shop)).toEqual([])
  })
})

describe('a journal that cannot be written', () => {
  const problem = failed({ code: 'cluster-unreachable', message: 'no answer' })
  const journalOf = ({ world }: Shop): JournalStore => ({
    ...world.journal,
    begin: async () => Promise.reject(problem),
  })

  it('keeps no rollback from being told', async () => {
    const shop = createShop()
    await shop.release()
    shop.commit('b')
    await shop.release()
    shop.world.events.emitted.length = 0
    await shop.rollback({}, { journal: journalOf(shop) })
    expect(told(shop)).toEqual([
      'operation.started rollback r-3 -',
      'operation.ended rollback r-3 done',
    ])
  })

  it('lets no switch begin, and none is told', async () => {
    const shop = createShop()
    await shop.deploy()
    shop.world.events.emitted.length = 0
    const switching = shop.switch({ skipSmoke: true }, { journal: journalOf(shop) })
    await expect(switching).rejects.toBe(problem)
    expect(told(shop)).toEqual([])
  })
})

it('an operation that another command has ended is not told as ended', async () => {
  const shop = createShop()
  const journal: JournalStore = { ...shop.world.journal, end: async () => false }
  await shop.deploy({}, { journal })
  expect(told(shop)).toEqual(['operation.started deploy - -'])
})
