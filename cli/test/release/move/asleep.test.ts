// A laptop sleeps in the middle of a switch, longer than its lock lasts, and another command goes on. When it wakes, no
// clock tells it: what it read before stops its writes.
import { expect, it } from 'vitest'
import type { Driver } from '../../../src/release/ports/driver.ts'
import type { JournalStore } from '../../../src/release/ports/session.ts'
import { settleAll } from '../../../src/release/settle.ts'
import { freed, names, releasedTwice, type Shop } from '../../fakes/shop.ts'
import { outcomes, type World } from '../../fakes/world.ts'

/** What happens while the laptop sleeps. Its lock has expired. */
type Meanwhile = () => Promise<unknown>

function asleep({ lock }: World, meanwhile: Meanwhile): () => Promise<void> {
  let slept = false
  return async () => {
    if (slept) return
    slept = true
    lock.holder = null
    await meanwhile()
  }
}

interface Sleeping {
  driver: Driver
  journal: JournalStore
}

/** Where it sleeps. `written`: so many Services are written before, the others after. */
function sleeper(world: World, where: 'record' | number, meanwhile: Meanwhile): Sleeping {
  const { driver, journal } = world
  const sleep = asleep(world, meanwhile)
  return {
    journal: {
      ...journal,
      async begin(...intent) {
        if (where === 'record') await sleep()
        return journal.begin(...intent)
      },
    },
    driver: {
      ...driver,
      async movePointers(moves, mover, signal) {
        if (where === 'record') return driver.movePointers(moves, mover, signal)
        const first = await driver.movePointers(moves.slice(0, where), mover, signal)
        await sleep()
        return [...first, ...(await driver.movePointers(moves.slice(where), mover, signal))]
      },
    },
  }
}

const others: Record<string, (shop: Shop) => Promise<unknown>> = {
  'rolls back': (shop) => shop.rollback(),
  'rolls back and switches one of the two': async (shop) => {
    await shop.rollback()
    await shop.switch({ services: ['order'], skipSmoke: true })
  },
}

/** Green serves since r-2, and blue has something newer. */
async function ready(): Promise<Shop> {
  const shop = await releasedTwice()
  shop.commit('c')
  await shop.deploy()
  return shop
}

it.each(
  ([0, 1, 2] as const).flatMap((written) =>
    Object.keys(others).map((other) => [written, other] as const),
  ),
)(
  'a switch that sleeps after %i writes while another one %s changes nothing more',
  async (...of) => {
    const [written, other] = of
    const shop = await ready()
    const { world } = shop
    let left: unknown
    const state = () => structuredClone([names.map((name) => shop.live(name)), outcomes(world)])
    const ports = sleeper(world, written, async () => {
      await others[other]?.(shop)
      left = state()
    })
    const woken = shop.switch({ skipSmoke: true }, ports)
    await expect(woken).rejects.toMatchObject({ kind: 'failed' })
    expect(state()).toEqual(left)
    expect(world.state.journal.open).toBeNull()
  },
)

it('a switch that sleeps before its record finds that another one was there', async () => {
  const shop = await ready()
  const { world } = shop
  const ports = sleeper(world, 'record', () => shop.switch({ skipSmoke: true }))
  const woken = shop.switch({ skipSmoke: true }, ports)
  await expect(woken).rejects.toMatchObject({ code: 'conflict', exitCode: 2 })
  expect(outcomes(world).slice(-2)).toEqual(['op-7 done', 'r-3 done'])
  expect(await settleAll(names.map(async (name) => shop.live(name)))).toEqual([
    'blue cccccccc',
    'blue cccccccc',
  ])
})

it('a rollback that sleeps before its writes does not undo what came after it', async () => {
  const shop = await releasedTwice()
  const { world } = shop
  const ports = sleeper(world, 0, async () => {
    await freed(shop, await shop.rollback())
    await shop.switch({ services: names, skipSmoke: true })
  })
  await expect(shop.rollback({}, ports)).rejects.toMatchObject({ kind: 'failed' })
  for (const name of names) expect(shop.live(name)).toBe('green bbbbbbbb')
  expect(outcomes(world).at(-1)).toBe('r-5 done')
})
