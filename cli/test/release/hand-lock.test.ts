// A lock by hand: what it refuses, who may end it, what is recorded, and what a killed command leaves.
import { beforeEach, describe, expect, it } from 'vitest'
import { failed } from '../../src/errors.ts'
import { lockByHand, unlockByHand } from '../../src/release/hand-lock.ts'
import { aHolder } from '../fakes/journal.ts'
import { dyingJournal, interruptedSwitch, releasedTwice, type Shop } from '../fakes/shop.ts'
import type { World } from '../fakes/world.ts'

const why = { reason: 'the database moves' }
const back = { reason: 'it has moved' }

let shop: Shop
let world: World

/** Green is live, and each verb has something to do. */
beforeEach(async () => {
  shop = await releasedTwice()
  shop.commit('c')
  ;({ world } = shop)
})

const verbs = ['deploy', 'smoke', 'switch', 'rollback', 'cleanup', 'release'] as const

it.each(verbs)('keeps a %s from changing anything, and says how to end it', async (verb) => {
  if (verb === 'smoke' || verb === 'switch') await shop.deploy()
  await lockByHand(world, why)
  const before = structuredClone(world.state)
  const from = world.clock.monotonic()
  await expect(shop[verb]()).rejects.toMatchObject({
    ...{ code: 'locked-by-hand', exitCode: 2 },
    message:
      'me@here has locked this environment by hand since 2026-01-01T00:00:00Z, for: the database moves.',
    hint: 'Ask them. `shopctl unlock --reason "…"` ends the lock at once, `--lock-wait 30m` waits for its end.',
  })
  expect(world.state).toEqual(before)
  expect(world.clock.monotonic()).toBe(from)
})

it('is ended by anybody, and a rollback goes on then', async () => {
  const made = await lockByHand(world, why)
  expect(await world.lock.lockHolder()).toEqual(made)
  expect(await unlockByHand(world, back)).toEqual(made)
  expect(await world.lock.lockHolder()).toBeNull()
  expect(await shop.rollback()).toMatchObject({ release: 'r-3' })
})

it('is recorded with its end, and with what was said', async () => {
  await lockByHand(world, why)
  await unlockByHand(world, back)
  const record = { release: null, services: [], by: 'me@here', outcome: 'done', error: null }
  expect(world.state.journal.closed.slice(-2)).toMatchObject([
    { ...record, verb: 'lock', reason: 'the database moves' },
    { ...record, verb: 'unlock', reason: 'it has moved' },
  ])
  expect(world.state.journal.open).toBeNull()
})

describe('a second lock by hand', () => {
  it('is refused with who has made the first one', async () => {
    await lockByHand(world, why)
    const { closed } = world.state.journal
    const before = closed.length
    await expect(lockByHand(world, { reason: 'mine' })).rejects.toMatchObject({
      ...{ code: 'locked-by-hand', exitCode: 2 },
      message: expect.stringMatching(/^me@here has .*the database moves\.$/),
    })
    expect(closed).toHaveLength(before)
  })
})

describe('while a command runs', () => {
  beforeEach(() => {
    world.lock.holder = aHolder({ holder: 'ann@there 7', reason: 'release of order' })
  })
  const held = {
    ...{ code: 'lock-held', exitCode: 2 },
    message: expect.stringMatching(/^ann@there 7 has held .*release of order\.$/),
  }

  it('nobody locks by hand, nor unlocks', async () => {
    await expect(lockByHand(world, why)).rejects.toMatchObject(held)
    await expect(unlockByHand(world, back)).rejects.toMatchObject(held)
    expect(world.lock.byHand).toBeNull()
  })

  it('a lock by hand waits, if the user says so', async () => {
    const { sleep } = world.clock
    let slept = 0
    world.clock.sleep = async (ms, signal) => {
      if (++slept === 4) world.lock.holder = null
      return sleep(ms, signal)
    }
    await lockByHand(world, { ...why, lockWaitMs: 60_000 })
    expect(world.lock.byHand).toMatchObject({ byHand: true })
    expect(slept).toBeGreaterThanOrEqual(4)
  })
})

it('is not ended where there is none', async () => {
  const before = structuredClone(world.state)
  await expect(unlockByHand(world, back)).rejects.toMatchObject({
    ...{ code: 'not-locked', exitCode: 2 },
    hint: expect.stringContaining('`shopctl status`'),
  })
  expect(world.state).toEqual(before)
  expect(world.lock.holder).toBeNull()
})

describe('after an interrupted switch', () => {
  beforeEach(async () => {
    shop = await interruptedSwitch()
    ;({ world } = shop)
  })

  it('nobody locks by hand: the rollback would be locked out', async () => {
    await expect(lockByHand(world, why)).rejects.toMatchObject({
      ...{ code: 'interrupted-operation', exitCode: 2 },
      hint: expect.stringContaining('`shopctl rollback`'),
    })
    expect(world.lock.byHand).toBeNull()
  })

  it('a lock that is there all the same can be ended, and the switch is undone then', async () => {
    world.lock.byHand = aHolder({ byHand: true })
    const { open } = world.state.journal
    await unlockByHand(world, back)
    expect(world.state.journal.open).toEqual(open)
    expect(world.progress.lines.join()).toMatch(/! This unlock is not recorded/)
    await shop.rollback()
    expect(world.state.journal.closed.slice(-2)).toMatchObject([
      { release: 'r-2', outcome: 'undone' },
      { release: 'r-3', outcome: 'done' },
    ])
  })
})

describe('a journal that cannot be written', () => {
  const away = failed({ code: 'cluster-unreachable', message: 'no answer within 4 s' })
  const without = (): World => ({
    ...world,
    journal: {
      ...world.journal,
      async begin() {
        throw away
      },
    },
  })

  it('keeps anybody from locking', async () => {
    await expect(lockByHand(without(), why)).rejects.toBe(away)
    expect(world.lock.byHand).toBeNull()
  })

  it('keeps nobody from unlocking: a rollback may need it', async () => {
    await lockByHand(world, why)
    await unlockByHand(without(), back)
    expect(world.lock.byHand).toBeNull()
    expect(world.progress.lines.join()).toMatch(/! This unlock is not recorded: no answer/)
  })
})

describe('a command that was killed', () => {
  it('after it has locked leaves a lock that can be ended', async () => {
    await lockByHand({ ...world, journal: dyingJournal(world) }, why)
    expect(world.state.journal.open).toMatchObject({ verb: 'lock' })
    await unlockByHand(world, back)
    expect(world.state.journal.closed.slice(-2)).toMatchObject([
      { verb: 'lock', outcome: 'interrupted' },
      { verb: 'unlock', outcome: 'done' },
    ])
  })

  it('after it has unlocked holds up nobody', async () => {
    await lockByHand(world, why)
    await unlockByHand({ ...world, journal: dyingJournal(world) }, back)
    await shop.rollback()
    expect(world.state.journal.closed.slice(-2)).toMatchObject([
      { verb: 'unlock', outcome: 'interrupted' },
      { verb: 'rollback', outcome: 'done' },
    ])
  })
})
