// A refusal says that nothing was changed. After a change, it is a failure.
import { describe, expect, it } from 'vitest'
import { refused } from '../../../src/errors.ts'
import type { Driver } from '../../../src/release/ports/driver.ts'
import { createShop, releasedTwice, type Shop } from '../../fakes/shop.ts'
import { waiting } from '../../fakes/state.ts'

const no = refused({ code: 'no', message: 'no' })
const rejected = async (all: readonly unknown[]) =>
  all.map(() => ({ status: 'rejected' as const, reason: no }))

type Fault = (shop: Shop) => Partial<Driver>

const refusing: Fault = () => ({ recorded: () => Promise.reject(no) })
const ending: Fault = (shop) => ({ ...refusing(shop), confirm: async () => true })
const unwritten: Fault = () => ({ writeSlots: rejected })

describe('a deploy that is refused', () => {
  it.each<[string, number, Fault, (shop: Shop) => void]>([
    ['before any change', 2, refusing, () => {}],
    ['after the end of an emergency', 1, ending, () => {}],
    ['before the first slot is written', 2, unwritten, () => {}],
    [
      'after it has made a Secret',
      1,
      unwritten,
      ({ world }) => {
        world.namespace.readSecret = async () => null
      },
    ],
    [
      'after one of two slots was written',
      1,
      ({ world }) => ({
        async writeSlots(slots, signal) {
          const [first] = await world.driver.writeSlots(slots.slice(0, 1), signal)
          return first ? [first, ...(await rejected(slots.slice(1)))] : []
        },
      }),
      () => {},
    ],
  ])('%s: exit %i', async (_, exitCode, fault, arrange) => {
    const shop = createShop()
    await shop.deploy()
    shop.commit('b')
    arrange(shop)
    const driver = { ...shop.world.driver, ...fault(shop) }
    // All images were kept before.
    const registry = { ...shop.world.registry, keep: async () => false }
    await expect(shop.deploy({}, { driver, registry })).rejects.toMatchObject({
      code: 'no',
      exitCode,
    })
  })
})

describe('a cleanup that is refused', () => {
  const unremoved: Fault = () => ({ removeSlots: rejected })
  it.each<[string, number, Fault, () => Promise<Shop>]>([
    ['before any change', 2, unremoved, releasedTwice],
    ['after the end of an emergency', 1, ending, releasedTwice],
    [
      'after it has moved a preview',
      1,
      unremoved,
      async () => createShop({ initial: { order: waiting() } }),
    ],
  ])('%s: exit %i', async (_, exitCode, fault, arrange) => {
    const shop = await arrange()
    const driver = { ...shop.world.driver, ...fault(shop) }
    await expect(shop.cleanup(null, { driver })).rejects.toMatchObject({ code: 'no', exitCode })
  })
})
