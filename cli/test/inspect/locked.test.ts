// What status says of a lock by hand: it is no command that runs.
import { expect, it } from 'vitest'
import { readStatus, type Status } from '../../src/inspect/status.ts'
import { lockByHand, unlockByHand } from '../../src/release/hand-lock.ts'
import { aHolder } from '../fakes/journal.ts'
import { createShop, dyingJournal, interruptedSwitch, type Shop } from '../fakes/shop.ts'
import { createWorld } from '../fakes/world.ts'

const why = { reason: 'the database moves' }

function statusOf({ world }: Pick<Shop, 'world'>): Promise<Status> {
  return readStatus(world, 'local', null)
}

it('shows it, and no operation', async () => {
  const world = createWorld(['order'])
  const lock = await lockByHand(world, why)
  expect(await statusOf({ world })).toMatchObject({ lock, operation: null })
  await unlockByHand(world, why)
  expect(await statusOf({ world })).toMatchObject({ lock: null, operation: null })
})

it.each([
  [
    'switch',
    interruptedSwitch,
    { id: 'r-2', verb: 'switch', step: 'interrupted', next: 'shopctl resume' },
  ],
  [
    'lock',
    async () => {
      const shop = createShop()
      await lockByHand({ ...shop.world, journal: dyingJournal(shop.world) }, why)
      return shop
    },
    { id: 'op-1', verb: 'lock', step: 'interrupted', next: 'shopctl lock --reason "…"' },
  ],
])('shows a %s that was interrupted as such, not as running', async (_, make, operation) => {
  const shop = await make()
  shop.world.lock.byHand = aHolder({ byHand: true })
  expect(await statusOf(shop)).toMatchObject({ operation, lock: { byHand: true } })
})

it('shows slots that are not ready: no command is at work on them', async () => {
  const shop = createShop()
  await shop.release()
  const { world } = shop
  for (const { slots } of Object.values(world.state.services)) if (slots.blue) slots.blue.ready = 0
  world.lock.byHand = aHolder({ byHand: true })
  expect((await statusOf(shop)).problems).not.toEqual([])
})
