// How an operation is undone: what `history show` says, run and looked at.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { findOperation } from '../../src/inspect/history.ts'
import { type Undo, undoOf } from '../../src/inspect/undo.ts'
import { lockByHand, unlockByHand } from '../../src/release/hand-lock.ts'
import { doneMoves, moveOf, type Operation } from '../../src/release/record.ts'
import {
  createShop,
  dyingJournal,
  interruptedSwitch,
  names,
  releasedTwice,
  type Shop,
} from '../fakes/shop.ts'
import { blue } from '../fakes/state.ts'

function undo({ world: { state } }: Shop, id: string, env = 'local'): Undo {
  return undoOf(state, findOperation(state.journal, id), env)
}

async function run(shop: Shop, command: string): Promise<void> {
  const [, verb, ...words] = command.split(' ')
  const after = (flag: string): string | undefined =>
    words.includes(flag) ? words[words.indexOf(flag) + 1] : undefined
  const services = after('--service')?.split(',') ?? null
  if (verb === 'cleanup') await shop.cleanup(services)
  else await shop.rollback({ services, to: after('--to') ?? null })
}

/** Green is live since r-2, and blue, with a third version, since r-3. */
async function releasedThrice(): Promise<Shop> {
  const shop = await releasedTwice()
  shop.commit('c')
  await shop.release()
  return shop
}

/** r-2 was of both services, r-3 of payment alone. */
async function oneAfterBoth(): Promise<Shop> {
  const shop = await releasedTwice()
  shop.commit('c', ['payment'])
  await shop.release({ services: ['payment'] })
  return shop
}

async function rolledBack(): Promise<Shop> {
  const shop = await releasedTwice()
  await shop.rollback()
  return shop
}

/** order was live before payment was there: r-2 is the first of payment, and the second of order. */
async function oneIsNew(): Promise<Shop> {
  const shop = createShop()
  await shop.release({ services: ['order'] })
  shop.commit('b')
  await shop.release()
  return shop
}

async function cleanedUp(): Promise<Shop> {
  const shop = await releasedTwice()
  await shop.cleanup()
  return shop
}

async function locked(): Promise<Shop> {
  const shop = await releasedTwice()
  await lockByHand(shop.world, { reason: 'night' })
  await unlockByHand(shop.world, { reason: 'day' })
  return shop
}

const again = names.map((name) => `It deploys the image of ${name} again first.`).join(' ')
const ways: [string, () => Promise<Shop>, string, Undo][] = [
  ['the last switch', releasedTwice, 'r-2', { command: 'shopctl rollback', note: null }],
  [
    'the last switch, whose old slots are deleted',
    cleanedUp,
    'r-2',
    { command: 'shopctl rollback --to r-1', note: again },
  ],
  [
    'an earlier switch',
    releasedThrice,
    'r-2',
    {
      command: 'shopctl rollback --to r-1',
      note: `It undoes r-3 (order, payment), too. ${again}`,
    },
  ],
  ['the last switch, of one', oneAfterBoth, 'r-3', { command: 'shopctl rollback', note: null }],
  [
    'an earlier switch of both',
    oneAfterBoth,
    'r-2',
    {
      command: 'shopctl rollback --to r-1',
      note: 'It undoes r-3 (payment), too. It deploys the image of payment again first.',
    },
  ],
  ['a rollback', rolledBack, 'r-3', { command: 'shopctl rollback --to r-2', note: null }],
  [
    'the last switch, which was the first of a service',
    oneIsNew,
    'r-2',
    {
      command: 'shopctl rollback --service order',
      note: 'payment had no live slot before, and stays as it is.',
    },
  ],
  ['an interrupted switch', interruptedSwitch, 'r-2', { command: 'shopctl rollback', note: null }],
]

it.each(ways)('%s is undone by what is said', async (_, make, id, expected) => {
  const shop = await make()
  expect(undo(shop, id)).toEqual(expected)
  const { services } = findOperation(shop.world.state.journal, id)
  await run(shop, expected.command ?? '')
  for (const { name, from } of services)
    if (from) expect(shop.live(name)?.split(' ')[1]).toBe(from.version)
  expect(undo(shop, id).command).toBeNull()
  expect(shop.world.state.journal.open).toBeNull()
})

it('names the environment that is not the default one', async () => {
  const { command } = undo(await releasedTwice(), 'r-2', 'production')
  expect(command).toBe('shopctl rollback --env production')
})

it('a switch of one of several is undone for this one alone', async () => {
  const shop = await releasedTwice()
  for (const [letter, service] of [
    ['c', 'order'],
    ['d', 'payment'],
  ] as const) {
    shop.commit(letter, [service])
    await shop.release({ services: [service] })
  }
  const { payment } = { payment: shop.live('payment') }
  expect(undo(shop, 'r-3').command).toBe('shopctl rollback --service order')
  await run(shop, 'shopctl rollback --service order')
  expect([shop.live('order'), shop.live('payment')]).toEqual(['green bbbbbbbb', payment])
})

it('a deploy is undone by deleting what stands by', async () => {
  const shop = await releasedTwice()
  shop.commit('c', ['order'])
  await shop.deploy({ services: ['order'] })
  expect(undo(shop, 'op-7')).toEqual({
    command: 'shopctl cleanup --service order',
    note: 'It deletes the standby slots that this deploy has written. Those that it replaced have to be deployed again.',
  })
  const before = names.map(shop.live)
  await run(shop, 'shopctl cleanup --service order')
  expect(shop.world.state.services.order?.slots.blue).toBeNull()
  expect(names.map(shop.live)).toEqual(before)
  expect(undo(shop, 'op-7').command).toBeNull()
})

async function interruptedRollback(): Promise<Shop> {
  const shop = await releasedTwice()
  await shop.rollback({}, { journal: dyingJournal(shop.world) }).catch(() => {})
  return shop
}

async function scaledToZero(): Promise<Shop> {
  const shop = await releasedTwice()
  const slot = shop.world.state.services.order?.slots.blue
  if (slot) Object.assign(slot, { replicas: 0, ready: 0 })
  return shop
}

/** The switch failed, and was put back. */
async function putBack(): Promise<Shop> {
  const shop = await releasedTwice()
  shop.commit('c')
  await shop.deploy()
  shop.world.faults.deaf.add('payment')
  await shop.switch({ skipSmoke: true }).catch(() => {})
  return shop
}

/** Somebody has led both Services back, without shopctl. */
async function ledBack(): Promise<Shop> {
  const shop = await releasedTwice()
  for (const { stable, slots } of Object.values(shop.world.state.services))
    if (stable) stable.target = { ...blue, revision: slots.blue?.revision ?? '' }
  return shop
}

const noWays: [string, () => Promise<Shop>, string, RegExp][] = [
  [
    'a switch that was rolled back',
    rolledBack,
    'r-2',
    /^There is nothing to undo: what was live before r-2 is live now\.$/,
  ],
  ['a switch that was undone by hand', ledBack, 'r-2', /^There is nothing to undo: what/],
  ['a switch that was put back', putBack, 'r-3', /^There is nothing to undo: r-3 is undone\.$/],
  [
    'the first switch',
    releasedTwice,
    'r-1',
    /^There is nothing to go back to: nothing was live before r-1\.$/,
  ],
  ['a smoke test', releasedTwice, 'op-5', /^There is nothing to undo: a smoke test/],
  ['a cleanup', cleanedUp, 'op-7', /^There is nothing to undo: a cleanup/],
  ['a lock', locked, 'op-7', /^It changed no slot\. .*`shopctl unlock --reason/],
  ['the end of a lock', locked, 'op-8', /^It changed no slot\. `shopctl lock --reason/],
  ['a deploy that is live', releasedTwice, 'op-4', /^There is nothing to undo: its slots are live/],
  [
    'a rollback that has not ended',
    interruptedRollback,
    'r-3',
    /`shopctl rollback`, as r-3 has not ended/,
  ],
  [
    'a switch before one that has not ended',
    interruptedSwitch,
    'r-1',
    /^First end r-2: `shopctl resume` finishes it, `shopctl rollback` undoes it/,
  ],
  [
    'a switch before a rollback that has not ended',
    interruptedRollback,
    'r-2',
    /^First end r-3: `shopctl resume` finishes it, and so does/,
  ],
  [
    'a switch whose old slot has no pods',
    scaledToZero,
    'r-2',
    /^This cannot be undone now\. order blue was scaled to zero pods\. Run `kubectl scale/,
  ],
]

it.each(noWays)('%s is not', async (_, make, id, note) => {
  const found = undo(await make(), id)
  expect(found.note).toMatch(note)
  expect(found.command).toBeNull()
})

it('a switch from before the oldest record, from slots that no release has, is not', async () => {
  const shop = await releasedThrice()
  const { journal } = shop.world.state
  const isLate = ({ number }: Operation): boolean => number > 3
  journal.closed = journal.closed.filter(isLate)
  expect(undo(shop, 'r-2')).toEqual({
    command: null,
    note: 'This cannot be undone now. No release in the journal has exactly the slots that were live before.',
  })
})

const chosen = fc.constantFrom(null, ['order'], ['payment'])
const step = fc.record({
  verb: fc.constantFrom(...(['release', 'release', 'rollback', 'cleanup'] as const)),
  services: chosen,
})

it('whatever was done before, a command undoes its operation', async () => {
  let undone = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 6 }),
      fc.nat(),
      async (steps, nth) => {
        const shop = createShop()
        await shop.release()
        for (const [index, { verb, services }] of steps.entries()) {
          shop.commit('bcdefa'[index] ?? 'f', services ?? names)
          if (verb === 'release') await shop.release({ services: services ?? names })
          else if (verb === 'cleanup') await shop.cleanup(services)
          // Some have nothing to go back to.
          else await shop.rollback({ services }).catch(() => {})
        }
        const moves = doneMoves(shop.world.state.journal)
        const operation = moves[nth % moves.length] as Operation
        const { command } = undo(shop, operation.release ?? '')
        const before = names.map(shop.live)
        if (command === null) return
        undone += 1
        await run(shop, command)
        for (const [index, name] of names.entries()) {
          const from = moveOf(operation, name)?.from
          if (from) expect(shop.live(name)?.split(' ')[1]).toBe(from.version)
          else expect(shop.live(name)).toBe(before[index])
        }
      },
    ),
    { numRuns: 60 },
  )
  expect(undone).toBeGreaterThan(10)
})
