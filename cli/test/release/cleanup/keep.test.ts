// How long cleanup keeps what is live no more.
import { expect, it } from 'vitest'
import { keptUntil } from '../../../src/release/cleanup/keep.ts'
import type { Operation } from '../../../src/release/record.ts'
import { freed, releasedTwice } from '../../fakes/shop.ts'
import { aJournal, aMove, aSide, aSlot, named } from '../../fakes/state.ts'

const noon = Date.UTC(2026, 0, 1, 12)
const at = (minutes: number) => new Date(noon + minutes * 60_000)
const blue = named('order', aSlot('blue', 'a'))

/** Left blue with revision `a`, so many minutes after noon. */
function left(minutes: number, over: Partial<Operation> = {}): Operation {
  return aMove('r-2', 'switch', ['order'], { endedAt: at(minutes).toISOString(), ...over })
}

const back = {
  services: [{ name: 'order', from: aSide('green', 'b'), to: aSide('blue', 'a') }],
}

it.each<[string, Operation[], number, string, number | null]>([
  ['one that was left just now, for the whole time', [left(0)], 0, '1h', 60],
  ['one that was left a while ago', [left(0)], 59, '1h', 60],
  ['not when its time is over', [left(0)], 60, '1h', null],
  ['since it was left last', [left(0), left(10, back), left(30)], 80, '1h', 90],
  ['not what was never live', [], 0, '1h', null],
  ['not what was written over the slot that was live', [left(0, back)], 0, '1h', null],
  ['not for a switch that was put back', [left(0, { outcome: 'undone' })], 0, '1h', null],
  ['for days', [left(0)], 60, '2d', 2 * 24 * 60],
  ['not when the time of the move is not known', [left(0, { endedAt: 'soon' })], 0, '1h', null],
])('keeps %s', (_, closed, now, keep, until) => {
  const kept = keptUntil(aJournal({ closed }), blue, { keep, now: at(now) })
  expect(kept?.until ?? null).toBe(until === null ? null : at(until).toISOString())
})

it('keeps nothing where the environment says nothing of it', () => {
  expect(keptUntil(aJournal({ closed: [left(0)] }), blue, null)).toBeNull()
})

const watch: Operation['watch'] = {
  startedAt: at(0).toISOString(),
  until: at(5).toISOString(),
  seenAt: at(2).toISOString(),
  outcome: null,
  note: null,
  gates: [],
}

it.each<[string, Partial<NonNullable<Operation['watch']>>, number, number | null]>([
  ['while it goes on', {}, 2, 5],
  ['while it goes on after its time', { seenAt: at(9).toISOString() }, 9, 10],
  ['not when it has died', {}, 4, null],
  ['not when it is over', { outcome: 'passed' }, 2, null],
])('keeps the way back of a watch: %s', (_, over, now, until) => {
  const closed = [left(0, { watch: { ...watch, ...over } })]
  const kept = keptUntil(aJournal({ closed }), blue, { keep: null, now: at(now) })
  expect(kept?.until ?? null).toBe(until === null ? null : at(until).toISOString())
})

it('a cleanup leaves what is kept, and says until when', async () => {
  const shop = await releasedTwice()
  const before = shop.world.state.journal.closed.length
  const { removed, kept } = await shop.cleanup(null, {}, { keep: '1h' })
  expect(removed).toEqual([])
  expect(kept).toMatchObject([
    { name: 'order', slot: { color: 'blue' }, until: expect.stringMatching(/^2026-01-01T13:00/) },
    { name: 'payment' },
  ])
  expect(shop.world.state.journal.closed).toHaveLength(before)
  await shop.world.clock.sleep(3_600_000)
  expect((await shop.cleanup(null, {}, { keep: '1h' })).removed).toHaveLength(2)
  expect(shop.world.state.journal.closed.at(-1)).not.toHaveProperty('despiteKeep')
})

it('a deploy that was given up is not kept, beside one that is', async () => {
  const shop = await releasedTwice()
  shop.commit('c', ['order'])
  await shop.deploy({ services: ['order'] })
  const { removed, kept } = await shop.cleanup(null, {}, { keep: '1h' })
  expect(removed).toMatchObject([{ name: 'order', slot: { version: 'cccccccc' } }])
  expect(kept).toMatchObject([{ name: 'payment' }])
})

it('what a rollback has left is kept too', async () => {
  const shop = await releasedTwice()
  await freed(shop, await shop.rollback())
  expect((await shop.cleanup(null, {}, { keep: '1h' })).kept).toMatchObject([
    { name: 'order', slot: { color: 'green' } },
    { name: 'payment', slot: { color: 'green' } },
  ])
})

it('--now deletes it, and the journal says so', async () => {
  const shop = await releasedTwice()
  const { removed } = await shop.cleanup(null, {}, { keep: '1h', now: true })
  expect(removed).toHaveLength(2)
  expect(shop.world.state.journal.closed.at(-1)).toMatchObject({
    ...{ verb: 'cleanup', outcome: 'done', despiteKeep: '1h' },
  })
})

it('--now has nothing to say of a time that is over', async () => {
  const shop = await releasedTwice()
  await shop.world.clock.sleep(3_600_000)
  await shop.cleanup(null, {}, { keep: '1h', now: true })
  expect(shop.world.state.journal.closed.at(-1)).not.toHaveProperty('despiteKeep')
})
