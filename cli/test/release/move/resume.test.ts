// A resume finishes what was interrupted. Until then, only it and a rollback are allowed.
import { describe, expect, it } from 'vitest'
import { planResume } from '../../../src/release/move/plan-resume.ts'
import type { Operation } from '../../../src/release/record.ts'
import type { ServiceState } from '../../../src/release/state.ts'
import {
  createShop,
  dyingDriver,
  dyingJournal,
  interruptedSwitch,
  names,
  releasedTwice,
  type Shop,
} from '../../fakes/shop.ts'
import {
  aMove,
  anOpenOperation,
  aService,
  aSlot,
  aState,
  blue,
  bothSlots,
  green,
  switched,
  waiting,
} from '../../fakes/state.ts'
import { outcomes, previewOf } from '../../fakes/world.ts'

const newSlots = ['green bbbbbbbb', 'green bbbbbbbb']
const oldSlots = ['blue 1a2b3c4d', 'blue 1a2b3c4d']

function moveOutcomes({ world }: Shop): string[] {
  return outcomes(world).filter((line) => line.startsWith('r-'))
}

/** The switch r-2 was killed after so many Services. */
async function killedAfter(moved: number): Promise<Shop> {
  const shop = createShop()
  await shop.release()
  shop.commit('b')
  await shop.deploy()
  const killed = { driver: dyingDriver(shop.world, moved), journal: dyingJournal(shop.world) }
  await shop.switch({ skipSmoke: true, reason: 'the fix' }, killed).catch(() => {})
  return shop
}

describe('an interrupted switch', () => {
  it.each([0, 1, 2])('that had moved %i of two Services is finished', async (moved) => {
    const shop = await killedAfter(moved)
    const { journal } = shop.world.state
    expect(await shop.resume()).toMatchObject({ release: 'r-3' })
    expect(names.map(shop.live)).toEqual(newSlots)
    for (const name of names) expect(previewOf(shop.world, name)?.color).toBe('green')
    expect(journal.open).toBeNull()
    expect(moveOutcomes(shop)).toEqual(['r-1 done', 'r-2 interrupted', 'r-3 done'])
    const last = journal.closed.at(-1)
    expect(last).toMatchObject({ verb: 'switch', reason: 'the fix', resumes: 'r-2' })
    for (const { from, to, proof } of last?.services ?? [])
      expect({ from, to, proof }).toMatchObject({
        ...{ from: { color: 'blue' }, to: { color: 'green' } },
        proof: { endpointsMs: expect.any(Number), epoch: expect.any(Number) },
      })
  })

  it('that was resumed is rolled back as a whole', async () => {
    const shop = await killedAfter(1)
    await shop.resume()
    expect(await shop.rollback()).toMatchObject({ release: 'r-4' })
    expect(names.map(shop.live)).toEqual(oldSlots)
  })

  it.each(['resume', 'rollback'] as const)(
    'whose resume was killed too is ended by a %s',
    async (verb) => {
      const shop = await killedAfter(1)
      const killed = { driver: dyingDriver(shop.world, 0), journal: dyingJournal(shop.world) }
      await expect(shop.resume({}, killed)).rejects.toThrow()
      expect(shop.world.state.journal.open).toMatchObject({ release: 'r-3', resumes: 'r-2' })
      expect(await shop[verb]()).toMatchObject({ release: 'r-4' })
      expect(names.map(shop.live)).toEqual(verb === 'resume' ? newSlots : oldSlots)
    },
  )

  it('is put back as a whole where a slot does not take over', async () => {
    const shop = await killedAfter(1)
    shop.world.faults.deaf.add('payment')
    await expect(shop.resume()).rejects.toMatchObject({ code: 'not-taken-over', exitCode: 1 })
    expect(names.map(shop.live)).toEqual(oldSlots)
    expect(moveOutcomes(shop)).toEqual(['r-1 done', 'r-2 interrupted', 'r-3 undone'])
  })

  it('that wakes up in the middle of its resume puts nothing back', async () => {
    const shop = createShop()
    const { world } = shop
    await shop.release()
    shop.commit('b')
    await shop.deploy()
    const asleep: typeof world.driver = {
      ...world.driver,
      async movePointers(moves, mover, signal, onWrite) {
        const [first] = moves
        if (mover === 'switch' && first) {
          const done = await world.driver.movePointers([first], mover, signal, onWrite)
          world.lock.holder = null
          await shop.resume()
          return [...done, ...(await world.driver.movePointers(moves.slice(1), mover, signal))]
        }
        return world.driver.movePointers(moves, mover, signal, onWrite)
      },
    }
    await expect(shop.switch({ skipSmoke: true }, { driver: asleep })).rejects.toThrow()
    expect(names.map(shop.live)).toEqual(newSlots)
    expect(moveOutcomes(shop)).toEqual(['r-1 done', 'r-2 interrupted', 'r-3 done'])
  })

  it.each<[string, (shop: Shop) => Promise<unknown>]>([
    ['deploy', (shop) => shop.deploy()],
    ['smoke', (shop) => shop.smoke()],
    ['switch', (shop) => shop.switch({ skipSmoke: true })],
    ['release', (shop) => shop.release()],
    ['cleanup', (shop) => shop.cleanup()],
  ])('allows no %s', async (_, act) => {
    const shop = await interruptedSwitch()
    const before = structuredClone(shop.world.state)
    const hint = expect.stringMatching(/`shopctl resume` .*`shopctl rollback`/)
    await expect(act(shop)).rejects.toMatchObject({
      code: 'interrupted-operation',
      exitCode: 2,
      hint,
    })
    expect(shop.world.state).toEqual(before)
  })
})

it('an interrupted rollback is finished', async () => {
  const shop = await releasedTwice()
  await expect(shop.rollback({}, { driver: dyingDriver(shop.world, 1) })).rejects.toThrow('killed')
  await shop.resume()
  expect(names.map(shop.live)).toEqual(oldSlots)
  expect(shop.world.state.journal.open).toBeNull()
  expect(moveOutcomes(shop)).toEqual(['r-1 done', 'r-2 done', 'r-3 done', 'r-4 done'])
})

it('a slot that cannot log in any more is not resumed', async () => {
  const shop = await killedAfter(1)
  shop.world.faults.logins['payment-green'] = { state: 'refused', problem: 'wrong password' }
  const hint = expect.stringContaining('`shopctl rollback`')
  await expect(shop.resume()).rejects.toMatchObject({ code: 'no-login', exitCode: 2, hint })
  await shop.rollback()
  expect(names.map(shop.live)).toEqual(oldSlots)
})

describe('what there is to resume', () => {
  const open = { ...aMove('r-2', 'switch', names), endedAt: null, outcome: null }
  const half = { order: switched(), payment: waiting() }
  const withGreen = (over: object): ServiceState =>
    aService({ blue: bothSlots.blue, green: aSlot('green', 'b', over) }, blue, green)

  it('is the whole of a switch', () => {
    const plan = planResume(aState(half, { open }))
    expect(plan).toEqual({ kind: 'switch', moves: open.services })
  })

  it('is what a service of shopctl.yaml has of it', () => {
    const plan = planResume(aState({ order: switched() }, { open }))
    expect(plan).toMatchObject({ moves: [{ name: 'order' }] })
  })

  it.each<[string, Record<string, ServiceState>, Operation | null, string, RegExp]>([
    ['nothing was interrupted', half, null, 'nothing-to-resume', /shopctl status/],
    [
      'a deploy was',
      half,
      anOpenOperation({ verb: 'deploy', services: open.services }),
      'nothing-to-resume',
      /^Run `shopctl deploy --service order,payment` again\.$/,
    ],
    [
      'a smoke test was',
      half,
      anOpenOperation({ verb: 'smoke', services: open.services.slice(1) }),
      'nothing-to-resume',
      /^Run `shopctl smoke --service payment` again\.$/,
    ],
    [
      'a lock was',
      half,
      anOpenOperation({ verb: 'lock' }),
      'nothing-to-resume',
      /^Run `shopctl lock --reason "…"` again\.$/,
    ],
    [
      'a slot is not ready any more',
      { ...half, payment: withGreen({ ready: 1 }) },
      open,
      'slot-not-ready',
      /`shopctl resume` again.*`shopctl rollback`/,
    ],
    [
      'a slot that has taken over is not ready',
      { ...half, order: { ...withGreen({ ready: 0 }), stable: switched().stable } },
      open,
      'slot-not-ready',
      /`shopctl rollback`/,
    ],
    [
      'a slot is gone',
      { ...half, payment: aService({ blue: bothSlots.blue }, blue, green) },
      open,
      'slot-gone',
      /`shopctl rollback`/,
    ],
    [
      'somebody has changed its image',
      { ...half, payment: withGreen({ digest: 'sha256:other' }) },
      open,
      'slot-gone',
      /`shopctl rollback`/,
    ],
    [
      'somebody has moved a Service elsewhere',
      { ...half, payment: aService(bothSlots, { color: 'blue', revision: 'c' }, green) },
      open,
      'moved-meanwhile',
      /`shopctl rollback`/,
    ],
  ])('is nothing where %s', (_, services, open, code, hint) => {
    expect(planResume(aState(services, { open }))).toMatchObject({
      ...{ kind: 'refusal', code },
      hint: expect.stringMatching(hint),
    })
  })
})
