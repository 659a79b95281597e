// What a verb that was interrupted leaves, and what the next one makes of it.
import { describe, expect, it } from 'vitest'
import { failed } from '../../src/errors.ts'
import type { JournalStore } from '../../src/release/ports/session.ts'
import { movesOf } from '../../src/release/record.ts'
import {
  createShop,
  dyingJournal,
  interruptedSwitch,
  names,
  releasedTwice,
  type Shop,
} from '../fakes/shop.ts'
import { outcomes } from '../fakes/world.ts'

const away = failed({ code: 'cluster-unreachable', message: 'no answer within 4 s' })

/** A journal into which no record can be begun. */
function full({ world }: Shop, problem: Error = away): { journal: JournalStore } {
  const journal: JournalStore = {
    ...world.journal,
    async begin() {
      throw problem
    },
  }
  return { journal }
}

/** Blue is live, green is on standby, and the end of its deploy was not recorded. */
async function interruptedDeploy(): Promise<Shop> {
  const shop = createShop()
  await shop.release()
  shop.commit('b')
  await shop.deploy({}, { journal: dyingJournal(shop.world) })
  expect(shop.world.state.journal.open).toMatchObject({ verb: 'deploy', outcome: null })
  return shop
}

describe('an interrupted deploy', () => {
  it.each(['deploy', 'smoke', 'cleanup', 'release'] as const)(
    'blocks no %s, which closes it as interrupted',
    async (verb) => {
      const shop = await interruptedDeploy()
      if (verb === 'deploy') shop.commit('c')
      await shop[verb]()
      expect(outcomes(shop.world)[3]).toBe('op-4 interrupted')
      expect(shop.world.state.journal.closed[3]?.endedAt).not.toBeNull()
      expect(shop.world.state.journal.open).toBeNull()
    },
  )

  it('blocks no switch', async () => {
    const shop = await interruptedDeploy()
    expect(await shop.switch({ skipSmoke: true })).toMatchObject({ release: 'r-2' })
    expect(outcomes(shop.world)).toEqual([
      ...['op-1 done', 'op-2 done', 'r-1 done'],
      ...['op-4 interrupted', 'r-2 done'],
    ])
  })

  it('blocks no rollback', async () => {
    const shop = await releasedTwice()
    shop.commit('c')
    await shop.deploy({}, { journal: dyingJournal(shop.world) })
    await expect(shop.rollback()).rejects.toMatchObject({ code: 'slot-gone' })
    shop.commit('b')
    await shop.cleanup()
    expect(shop.world.state.journal.open).toBeNull()
  })
})

describe('an interrupted switch', () => {
  it.each(['deploy', 'smoke', 'switch', 'cleanup', 'release'] as const)(
    'blocks %s',
    async (verb) => {
      const shop = await interruptedSwitch()
      const { world } = shop
      const before = structuredClone(world.state)
      await expect(shop[verb]()).rejects.toMatchObject({
        code: 'interrupted-operation',
        exitCode: 2,
        hint: expect.stringContaining('shopctl rollback'),
      })
      expect(world.state).toEqual(before)
    },
  )

  it('is undone by a rollback, which is recorded besides', async () => {
    const shop = await interruptedSwitch()
    expect(await shop.rollback()).toMatchObject({ release: 'r-3' })
    expect(names.map(shop.live)).toEqual(['blue 1a2b3c4d', 'blue 1a2b3c4d'])
    expect(outcomes(shop.world).slice(-2)).toEqual(['r-2 undone', 'r-3 done'])
  })
})

describe('a record that cannot be written', () => {
  it('stops a switch before it changes anything', async () => {
    const shop = createShop()
    await shop.release()
    shop.commit('b')
    await shop.deploy()
    const before = [structuredClone(shop.world.state), [...shop.world.log]]
    const stopped = shop.switch({ skipSmoke: true }, full(shop))
    await expect(stopped).rejects.toMatchObject({ code: 'cluster-unreachable' })
    expect([shop.world.state, shop.world.log]).toEqual(before)
  })

  it.each(['deploy', 'smoke', 'cleanup'] as const)('stops a %s too', async (verb) => {
    const shop = await releasedTwice()
    shop.commit('c')
    if (verb === 'smoke') await shop.deploy()
    const before = [...shop.world.log]
    const stopped = verb === 'cleanup' ? shop.cleanup(null, full(shop)) : shop[verb]({}, full(shop))
    await expect(stopped).rejects.toMatchObject({ code: 'cluster-unreachable' })
    expect(shop.world.log).toEqual(before)
  })

  it('never keeps a rollback from happening, which keeps its number', async () => {
    const shop = await releasedTwice()
    expect(await shop.rollback({}, full(shop))).toMatchObject({ release: 'r-3' })
    expect(names.map(shop.live)).toEqual(['blue 1a2b3c4d', 'blue 1a2b3c4d'])
    const { world } = shop
    expect(world.progress.lines).toContain('! This rollback is not recorded: no answer within 4 s')
    expect(world.state.journal.counter.release).toBe(2)
    expect(world.state.services.order?.stable?.release).toBe('r-3')
    shop.commit('c')
    expect(await shop.release()).toMatchObject({ moved: { release: 'r-4' } })
    expect(movesOf(world.state.journal).map(({ release }) => release)).toEqual([
      'r-1',
      'r-2',
      'r-4',
    ])
    expect(world.state.journal.counter.release).toBe(4)
  })

  it.each([
    ['is written at the second attempt', 1, 'op-1 done'],
    ['is a warning, since the work is done', 2, undefined],
  ])('at the end of a deploy %s', async (_, failures, outcome) => {
    const shop = createShop()
    const { world } = shop
    let left = failures
    const journal: JournalStore = {
      ...world.journal,
      async end(operation) {
        if (left-- > 0) throw away
        return world.journal.end(operation)
      },
    }
    expect(await shop.deploy({}, { journal })).toMatchObject([{ action: 'upgrade' }, {}])
    expect(outcomes(world).at(-1)).toBe(outcome)
    const warning = '! This deploy is not recorded: no answer within 4 s'
    expect(world.progress.lines.includes(warning)).toBe(outcome === undefined)
    expect(world.state.journal.open?.outcome).toBe(outcome === undefined ? null : undefined)
  })

  it('at the end of a deploy is warned of, and hides nothing of why it failed', async () => {
    const shop = createShop()
    shop.world.driver.failing['order-blue'] = failed({ code: 'helm-failed', message: 'no quota' })
    await expect(shop.deploy({}, { journal: dyingJournal(shop.world) })).rejects.toMatchObject({
      code: 'helm-failed',
    })
    expect(shop.world.progress.lines).toContain('! This deploy is not recorded: killed')
  })
})

describe('somebody else who was first', () => {
  it.each(['deploy', 'smoke', 'switch', 'rollback', 'cleanup'] as const)(
    'refuses a %s before it changes anything',
    async (verb) => {
      const shop = await releasedTwice()
      const { world } = shop
      if (verb !== 'rollback') shop.commit('c')
      if (verb === 'smoke' || verb === 'switch') await shop.deploy()
      const journal: JournalStore = {
        ...world.journal,
        async begin(operation, seen, outcome) {
          await world.journal.begin({ ...operation, by: 'other@there' }, seen, outcome)
          return world.journal.begin(operation, seen, outcome)
        },
      }
      const before = [...world.log]
      const refused = {
        deploy: () => shop.deploy({}, { journal }),
        smoke: () => shop.smoke({}, { journal }),
        switch: () => shop.switch({ skipSmoke: true }, { journal }),
        rollback: () => shop.rollback({}, { journal }),
        cleanup: () => shop.cleanup(null, { journal }),
      }
      await expect(refused[verb]()).rejects.toMatchObject({ code: 'conflict', exitCode: 2 })
      expect(world.log).toEqual(before)
      expect(world.state.journal.open).toMatchObject({ by: 'other@there' })
    },
  )
})

it('release ids count switches and rollbacks alone, and nothing else', async () => {
  const shop = await releasedTwice()
  await shop.rollback()
  shop.commit('c')
  await shop.deploy()
  await shop.smoke()
  await shop.cleanup()
  shop.commit('d')
  await shop.release()
  const { closed, counter } = shop.world.state.journal
  expect(closed.map(({ number, verb, release }) => `${number} ${verb} ${release ?? '-'}`)).toEqual([
    ...['1 deploy -', '2 smoke -', '3 switch r-1'],
    ...['4 deploy -', '5 smoke -', '6 switch r-2'],
    ...['7 rollback r-3', '8 deploy -', '9 smoke -', '10 cleanup -'],
    ...['11 deploy -', '12 smoke -', '13 switch r-4'],
  ])
  expect(counter).toEqual({ operation: 13, release: 4 })
})

describe('the driver', () => {
  it('is told each operation and its reason, also of a rollback that is not recorded', async () => {
    const shop = createShop()
    const { driver } = shop.world
    await shop.release({ reason: 'because' })
    expect(driver.begun).toEqual([
      { id: 'op-1', reason: 'because' },
      { id: 'op-2', reason: 'because' },
      { id: 'r-1', reason: 'because' },
    ])
    shop.commit('b')
    await shop.release()
    await shop.rollback({ reason: 'it burns' }, full(shop))
    expect(driver.begun.at(-1)).toEqual({ id: 'r-3', reason: 'it burns' })
  })
})
