// A cleanup removes the slots that do not serve, and no other.
import { describe, expect, it } from 'vitest'
import type { Driver } from '../../../src/release/ports/driver.ts'
import { createShop, dyingJournal, releasedTwice } from '../../fakes/shop.ts'
import { aSlot, blue, waiting } from '../../fakes/state.ts'
import { outcomes, previewOf } from '../../fakes/world.ts'

describe('a cleanup', () => {
  it('removes what does not serve', async () => {
    const { world, cleanup } = await releasedTwice()
    const { removed } = await cleanup(['order'])
    expect(removed).toMatchObject([{ name: 'order', slot: { color: 'blue' } }])
    expect(world.state.services.order?.slots.blue).toBeNull()
    expect(world.state.services.order?.slots.green).not.toBeNull()
    expect(world.state.services.payment?.slots.blue).not.toBeNull()
    expect(world.log.at(-1)).toBe('remove order-blue')
  })

  it('is recorded with what is gone', async () => {
    const { world, cleanup } = await releasedTwice()
    await cleanup(['order'])
    expect(world.state.journal.closed.at(-1)).toMatchObject({
      verb: 'cleanup',
      release: null,
      outcome: 'done',
      phases: [{ name: 'remove' }],
      services: [{ name: 'order', from: { color: 'blue', version: '1a2b3c4d' }, to: null }],
    })
  })

  it('that was killed when all was gone is no longer open after the next one', async () => {
    const shop = await releasedTwice()
    await shop.cleanup(['order'], { journal: dyingJournal(shop.world) }).catch(() => {})
    expect(shop.world.state.journal.open).toMatchObject({ verb: 'cleanup' })
    await shop.cleanup(['order'])
    expect(shop.world.state.journal.open).toBeNull()
  })

  it('leads the preview to what serves before the slot goes', async () => {
    const shop = createShop({ initial: { order: waiting() } })
    await shop.cleanup()
    expect(shop.world.log).toEqual(['point order preview blue a', 'remove order-green'])
    expect(previewOf(shop.world, 'order')).toEqual(blue)
  })

  it('does and records nothing when nothing is left over', async () => {
    const { world, cleanup } = await releasedTwice()
    await cleanup()
    const before = outcomes(world)
    expect(await cleanup()).toEqual({ removed: [], kept: [] })
    expect(outcomes(world)).toEqual(before)
  })

  it('takes the way back away: a rollback names what it needs', async () => {
    const shop = await releasedTwice()
    await shop.cleanup()
    await expect(shop.rollback()).rejects.toMatchObject({
      code: 'slot-gone',
      exitCode: 2,
      hint: expect.stringContaining('rollback --to r-1'),
    })
  })

  it('leaves a slot alone that was deployed meanwhile', async () => {
    const shop = createShop({ initial: { order: waiting() } })
    const { world } = shop
    const { order } = world.state.services
    const driver: Driver = {
      ...world.driver,
      removeSlots(...args) {
        if (order) order.slots.green = aSlot('green', 'c')
        return world.driver.removeSlots(...args)
      },
    }
    await expect(shop.cleanup(['order'], { driver })).rejects.toMatchObject({ code: 'conflict' })
    expect(order?.slots.green?.revision).toBe('c')
    expect(outcomes(world)).toEqual(['op-1 failed'])
  })

  it('is stopped when its lock is lost', async () => {
    const shop = createShop({ initial: { order: waiting() } })
    const { world } = shop
    const signals: AbortSignal[] = []
    const driver: Driver = {
      ...world.driver,
      async removeSlots(_, signal) {
        signals.push(signal)
        world.lock.lose()
        throw new Error('stopped')
      },
    }
    await expect(shop.cleanup(null, { driver })).rejects.toMatchObject({ code: 'lock-lost' })
    expect(signals[0]?.aborted).toBe(true)
    expect(outcomes(world)).toEqual(['op-1 interrupted'])
  })
})

it('removes what a killed command has left of a slot', async () => {
  const { world, cleanup } = await releasedTwice()
  await cleanup()
  world.driver.releases['order-blue'] = { finished: false, marks: {} }
  await cleanup()
  expect(world.log.at(-1)).toBe('remove order-blue')
  expect(world.driver.releases).not.toHaveProperty('order-blue')
})
