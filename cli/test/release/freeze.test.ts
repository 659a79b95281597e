// A freeze: what it refuses, what goes on in spite of it, and that the way back stays open.
import { describe, expect, it } from 'vitest'
import { freezeAt } from '../../src/release/freeze.ts'
import { aHolder } from '../fakes/journal.ts'
import { createShop, names, releasedTwice, type Shop } from '../fakes/shop.ts'

const early = { from: '2026-01-01T00:00Z', to: '2026-01-03T00:00Z', reason: 'New Year' }
const long = { from: '2026-01-02T00:00Z', to: '2026-02-01T00:00+01:00', reason: 'stocktaking' }

describe('the freeze that stands', () => {
  it.each([
    ['before all', '2025-12-31T23:59:59.999Z', null],
    ['at the first moment', '2026-01-01T00:00:00Z', 'New Year'],
    ['in two, the one that ends last', '2026-01-02T12:00:00Z', 'stocktaking'],
    ['in one', '2026-01-31T22:59:59.999Z', 'stocktaking'],
    ['after its last moment', '2026-01-31T23:00:00Z', null],
  ])('%s', (_, now, expected) => {
    expect(freezeAt([early, long], new Date(now))?.reason ?? null).toBe(expected)
    expect(freezeAt([long, early], new Date(now))?.reason ?? null).toBe(expected)
  })

  it('is told in UTC', () => {
    expect(freezeAt([long], new Date('2026-01-05'))).toEqual({
      ...{ from: '2026-01-02T00:00:00Z', to: '2026-01-31T23:00:00Z' },
      reason: 'stocktaking',
    })
  })
})

/** It stands at the time of the world's clock. */
function freezeNow({ world }: Shop, fromMs = -1_000) {
  const at = (ms: number) => new Date(world.clock.now().getTime() + ms).toISOString()
  return { from: at(fromMs), to: at(86_400_000), reason: 'stocktaking' }
}

/** Freezes the environment of the shop. */
function frozen(shop: Shop, fromMs?: number): Shop {
  shop.config.environments.local?.freezes.push(freezeNow(shop, fromMs))
  return shop
}

const refused = ['deploy', 'switch', 'cleanup', 'release'] as const
const whileFrozen = {
  ...{ code: 'frozen', exitCode: 2 },
  message: expect.stringMatching(/^This environment is frozen until \S+Z: stocktaking$/),
  hint: expect.stringContaining('--override-freeze --reason'),
}

/** Green is live, blue is on standby, and the tree has something newer. */
async function ready(): Promise<Shop> {
  const shop = await releasedTwice()
  shop.commit('c')
  return shop
}

function run(shop: Shop, verb: (typeof refused)[number], over: object, ports = {}) {
  return verb === 'cleanup' ? shop.cleanup(null, ports, over) : shop[verb](over, ports)
}

describe.each(refused)('during a freeze, a %s', (verb) => {
  it('is refused, and changes nothing', async () => {
    const shop = frozen(await ready())
    const before = structuredClone(shop.world.state)
    await expect(run(shop, verb, {})).rejects.toMatchObject(whileFrozen)
    expect(shop.world.state).toEqual(before)
    expect(shop.world.lock.holder).toBeNull()
  })

  it('goes on with the word of the user, which is recorded', async () => {
    const shop = await ready()
    // A release makes its own.
    if (verb === 'switch') await shop.deploy()
    const { closed } = frozen(shop).world.state.journal
    const before = closed.length
    const reason = 'a leak'
    await run(shop, verb, { overrideFreeze: true, reason, skipSmoke: true })
    const records = closed.slice(before).filter((each) => each.verb !== 'smoke')
    expect(records.map((each) => each.verb)).toEqual(
      verb === 'release' ? ['deploy', 'switch'] : [verb],
    )
    for (const record of records)
      expect(record).toMatchObject({
        reason,
        outcome: 'done',
        freeze: { reason: 'stocktaking', to: expect.stringMatching(/Z$/) },
      })
    expect(shop.world.progress.lines.join()).toMatch(/! goes on in a freeze, until .*stocktaking/)
  })

  it('is as ever when it is over, and records none', async () => {
    const shop = await ready()
    const over = { from: '2025-12-24', to: '2025-12-26', reason: 'Christmas' }
    shop.config.environments.local?.freezes.push(over)
    if (verb === 'switch') await shop.deploy()
    await run(shop, verb, { overrideFreeze: true, skipSmoke: true })
    expect(shop.world.state.journal.closed.at(-1)).not.toHaveProperty('freeze')
  })

  it('is refused if the freeze began while it waited for the lock', async () => {
    const shop = frozen(await ready(), 1_000)
    const { lock } = shop.world
    let asked = 0
    const busy = {
      ...lock,
      acquire: async (reason: string) =>
        ++asked > 4 ? lock.acquire(reason) : aHolder({ holder: 'ann@there 7' }),
    }
    const running = run(shop, verb, { lockWaitMs: 10_000 }, { lock: busy })
    await expect(running).rejects.toMatchObject(whileFrozen)
    expect(lock.holder).toBeNull()
  })
})

it('a smoke test changes nothing that stays, so it goes on', async () => {
  const shop = createShop()
  await shop.deploy()
  await frozen(shop).smoke()
})

it('a rollback is never held up, and has nothing to record of it', async () => {
  const shop = frozen(await releasedTwice())
  expect(await shop.rollback()).toMatchObject({ release: 'r-3' })
  expect(shop.world.state.journal.closed.at(-1)).not.toHaveProperty('freeze')
})

it('nor is one that has to deploy again', async () => {
  const shop = await releasedTwice()
  await shop.cleanup()
  expect(await frozen(shop).rollback({ to: 'r-1' })).toMatchObject({ release: 'r-3' })
  for (const name of names) expect(shop.live(name)).toMatch(/^blue /)
})
