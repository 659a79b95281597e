// A rollback goes back over the last switch, or out of an interrupted one.
import { expect, it } from 'vitest'
import { failed } from '../../../src/errors.ts'
import { readStatus } from '../../../src/inspect/status.ts'
import type { Driver } from '../../../src/release/ports/driver.ts'
import {
  createShop,
  dyingDriver,
  dyingJournal,
  interruptedSwitch,
  names,
  releasedTwice,
  type Shop,
} from '../../fakes/shop.ts'
import { outcomes, previewOf } from '../../fakes/world.ts'

function moveOutcomes({ world }: Shop): string[] {
  return outcomes(world).filter((line) => line.startsWith('r-'))
}

it('reverses the last switch, all of it, and only once', async () => {
  const shop = await releasedTwice()
  expect(await shop.rollback()).toMatchObject({ release: 'r-3' })
  for (const name of names) {
    expect(shop.live(name)).toBe('blue 1a2b3c4d')
    expect(previewOf(shop.world, name)?.color).toBe('blue')
  }
  await expect(shop.rollback()).rejects.toMatchObject({
    code: 'already-rolled-back',
    exitCode: 2,
    message: expect.stringMatching(/has already been rolled back/),
  })
})

it('brings an interrupted switch to its end', async () => {
  const shop = await interruptedSwitch()
  const { world } = shop
  expect(names.map(shop.live)).toEqual(['green bbbbbbbb', 'blue 1a2b3c4d'])
  expect(await readStatus(world, 'local', null)).toMatchObject({
    operation: { id: 'r-2', verb: 'switch', step: 'interrupted', next: 'shopctl resume' },
  })
  await shop.rollback()
  for (const name of names) expect(shop.live(name)).toBe('blue 1a2b3c4d')
  expect(world.state.journal.open).toBeNull()
  expect(moveOutcomes(shop)).toEqual(['r-1 done', 'r-2 undone', 'r-3 done'])
})

it.each([
  ['of all services', [], names, 1],
  ['of all services, which had moved nothing', [], names, 0],
  ['of one while the other is live', ['order'], ['payment'], 1],
  ['of one and of the other again', ['order'], names, 2],
])(
  'leaves nothing live where an interrupted first switch %s began',
  async (_, live, moved, done) => {
    const shop = createShop()
    const { world } = shop
    if (live.length > 0) await shop.release({ services: live })
    shop.commit('b', moved)
    await shop.deploy()
    const before = names.map(shop.live)
    const killed = { driver: dyingDriver(world, done), journal: dyingJournal(world) }
    await shop.switch({ services: moved, skipSmoke: true }, killed).catch(() => {})
    await shop.rollback()
    expect(names.map(shop.live)).toEqual(before)
    expect(world.state.journal.open).toBeNull()
    await shop.switch({ services: moved, skipSmoke: true })
    expect(moved.map(shop.live)).toEqual(moved.map(() => expect.stringContaining('bbbbbbbb')))
  },
)

it('closes an interrupted switch that had moved nothing, and gives out no number for it', async () => {
  const shop = await interruptedSwitch()
  const { order } = shop.world.state.services
  if (order?.stable) order.stable.target = { ...order.stable.target, ...slotOf(shop, 'blue') }
  expect(await shop.rollback()).toEqual({ release: 'r-2', services: [], held: [] })
  expect(moveOutcomes(shop)).toEqual(['r-1 done', 'r-2 undone'])
  expect(await shop.switch({ skipSmoke: true })).toMatchObject({ release: 'r-3' })
})

function slotOf({ world }: Shop, color: 'blue' | 'green') {
  const revision = world.state.services.order?.slots[color]?.revision ?? ''
  return { color, revision }
}

it('carries an interrupted rollback on, which counts as done', async () => {
  const shop = await releasedTwice()
  const dying = shop.rollback({}, { driver: dyingDriver(shop.world, 1) })
  await expect(dying).rejects.toThrow('killed')
  expect(shop.world.state.journal.open).toMatchObject({ verb: 'rollback', release: 'r-3' })
  await shop.rollback()
  expect(names.map(shop.live)).toEqual(['blue 1a2b3c4d', 'blue 1a2b3c4d'])
  expect(moveOutcomes(shop)).toEqual(['r-1 done', 'r-2 done', 'r-3 done', 'r-4 done'])
})

it('is not undone when a slot does not take over: its Services lead there all the same', async () => {
  const shop = await releasedTwice()
  shop.world.faults.deaf.add('order')
  await expect(shop.rollback()).rejects.toMatchObject({
    ...{ code: 'not-taken-over', exitCode: 1 },
    hint: expect.stringMatching(/`shopctl rollback` again\. The limit was 0\.05 s: `--timeout`/),
  })
  expect(names.map(shop.live)).toEqual(['blue 1a2b3c4d', 'blue 1a2b3c4d'])
  expect(shop.world.state.journal.open).toMatchObject({ release: 'r-3' })
})

it('goes to a release by name', async () => {
  const shop = await releasedTwice()
  await shop.rollback()
  expect(await shop.rollback({ to: 'r-2' })).toMatchObject({ release: 'r-4' })
  expect(names.map(shop.live)).toEqual(['green bbbbbbbb', 'green bbbbbbbb'])
})

it('is never kept from happening by the broker, whose troubles it shows', async () => {
  const shop = await releasedTwice()
  shop.world.broker.has.bindings = []
  await shop.rollback()
  expect(shop.live('order')).toBe('blue 1a2b3c4d')
  expect(shop.world.progress.lines.join('\n')).toMatch(/! The broker is not as its chart declares/)
})

it('is not done while a preview Service still offers the slot that was left', async () => {
  const shop = await releasedTwice()
  const { world } = shop
  const driver: Driver = {
    ...world.driver,
    movePointers: (moves, mover, signal) =>
      moves.some(({ which }) => which === 'preview')
        ? Promise.reject(failed({ code: 'cluster-unreachable', message: 'no answer' }))
        : world.driver.movePointers(moves, mover, signal),
  }
  await expect(shop.rollback({}, { driver })).rejects.toMatchObject({
    code: 'preview-not-moved',
    exitCode: 1,
  })
  expect(world.state.journal.open).toMatchObject({ release: 'r-3' })
  await shop.rollback()
  expect(previewOf(world, 'order')?.color).toBe('blue')
  expect(moveOutcomes(shop).at(-1)).toBe('r-3 done')
})
