// The operations of an environment, latest first.
import { describe, expect, it } from 'vitest'
import { failed, interrupted } from '../../src/errors.ts'
import { findOperation, type HistoryPorts, history } from '../../src/inspect/history.ts'
import type { HistoryFilter } from '../../src/inspect/history-filter.ts'
import type { HandChange, HandQuery } from '../../src/release/ports/config-repo.ts'
import { emptyJournal, idOf } from '../../src/release/record.ts'
import {
  createShop,
  dyingDriver,
  dyingJournal,
  interruptedSwitch,
  releasedTwice,
  type Shop,
} from '../fakes/shop.ts'
import { aJournal, aMove, anOperation } from '../fakes/state.ts'
import type { World } from '../fakes/world.ts'

function portsOf(
  world: World,
  changesByHand?: (query: HandQuery) => Promise<HandChange[]>,
): HistoryPorts {
  const { journal, progress } = world
  return { journal, progress, gitops: changesByHand ? { changesByHand } : null }
}

const latest = (limit: number) => ({ limit, services: null, verbs: null, outcomes: null })

function aHandChange(date: string): HandChange {
  const changes = ['order blue → green']
  return {
    commit: 'c0ffee',
    author: 'Jane <j@x.org>',
    date,
    subject: 'Flip',
    changes,
    services: ['order'],
  }
}

describe('history', () => {
  it('shows the latest first, and so many', async () => {
    const { world } = await releasedTwice()
    const { operations, damaged } = await history(portsOf(world), latest(4))
    expect(operations.map(({ number, verb }) => `${number} ${verb}`)).toEqual([
      '6 switch',
      '5 smoke',
      '4 deploy',
      '3 switch',
    ])
    expect(damaged).toEqual([])
  })

  it('shows the open one too', async () => {
    const { world } = await interruptedSwitch()
    const { operations } = await history(portsOf(world), latest(1))
    expect(operations).toMatchObject([{ release: 'r-2', verb: 'switch', outcome: null }])
  })

  it('names records that could not be read', async () => {
    const { world } = createShop()
    world.state.journal.damaged = ['shopctl-journal-00000002']
    expect(await history(portsOf(world), latest(10))).toEqual({
      operations: [],
      byHand: null,
      damaged: ['shopctl-journal-00000002'],
    })
  })
})

describe('a history with Argo CD', () => {
  it('has what was changed by hand, in order of time, and so many of both', async () => {
    const { world } = await releasedTwice()
    const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 12, minute)).toISOString()
    for (const [index, each] of world.state.journal.closed.entries())
      each.startedAt = at(10 * (index + 1))
    const asked: unknown[] = []
    const changes = [aHandChange(at(61)), aHandChange(at(39))]
    const changesByHand = async (...args: unknown[]) => {
      asked.push(args)
      return changes
    }
    const shown = await history(portsOf(world, changesByHand), latest(5))
    expect(shown.operations.map(({ number }) => number)).toEqual([6, 5, 4])
    expect(shown.byHand).toEqual(changes)
    const others = shown.operations.map(({ startedAt }) => startedAt)
    expect(asked).toEqual([[{ limit: 5, others: expect.arrayContaining(others), services: null }]])
    expect((await history(portsOf(world, changesByHand), latest(2))).byHand).toEqual(
      changes.slice(0, 1),
    )
  })

  it('has its own entries where git does not answer, with one warning', async () => {
    const { world } = await releasedTwice()
    const away = failed({ code: 'git-unreachable', message: 'git.example.com does not answer.' })
    const shown = await history(
      portsOf(world, () => Promise.reject(away)),
      latest(2),
    )
    expect(shown).toMatchObject({ operations: [{ number: 6 }, { number: 5 }], byHand: null })
    expect(world.progress.lines).toContain(
      '! What was changed by hand is not shown: git.example.com does not answer.',
    )
  })

  it('ends at Ctrl-C', async () => {
    const { world } = await releasedTwice()
    const ports = portsOf(world, () => Promise.reject(interrupted()))
    await expect(history(ports, latest(2))).rejects.toMatchObject({ code: 'interrupted' })
  })
})

async function deployedOnce(): Promise<Shop> {
  const shop = createShop()
  await shop.deploy()
  return shop
}

describe('a history of some', () => {
  /** Two releases, a deploy of payment, and its switch that was killed. */
  async function aLongDay(): Promise<World> {
    const shop = await releasedTwice()
    const { world } = shop
    shop.commit('c', ['payment'])
    await shop.deploy({ services: ['payment'] })
    const killed = { driver: dyingDriver(world, 1), journal: dyingJournal(world) }
    await shop.switch({ services: ['payment'], skipSmoke: true }, killed).catch(() => {})
    const [first] = world.state.journal.closed
    if (first) first.outcome = 'failed'
    return world
  }

  const all = latest(20)
  it.each<[string, Partial<HistoryFilter>, string[]]>([
    ['a service', { services: ['order'] }, ['r-2', 'op-5', 'op-4', 'r-1', 'op-2', 'op-1']],
    [
      'one of two services',
      { services: ['payment', 'order'], verbs: ['deploy'] },
      ['op-7', 'op-4', 'op-1'],
    ],
    ['no service', { services: ['mail'] }, []],
    ['a verb', { verbs: ['smoke'] }, ['op-5', 'op-2']],
    ['two verbs', { verbs: ['switch', 'smoke'] }, ['r-3', 'r-2', 'op-5', 'r-1', 'op-2']],
    ['an outcome', { outcomes: ['failed'] }, ['op-1']],
    ['what has not ended', { outcomes: ['open'] }, ['r-3']],
    ['two outcomes', { outcomes: ['open', 'failed'] }, ['r-3', 'op-1']],
    ['all three', { services: ['order'], verbs: ['switch'], outcomes: ['done'] }, ['r-2', 'r-1']],
    ['changes by hand, where there are none', { verbs: ['by-hand'] }, []],
  ])('has %s', async (_, filter, expected) => {
    const world = await aLongDay()
    const { operations, byHand } = await history(portsOf(world), { ...all, ...filter })
    expect(operations.map(idOf)).toEqual(expected)
    expect(byHand).toBeNull()
  })

  it('has the latest of those', async () => {
    const filter = { verbs: ['deploy'] as const, limit: 2 }
    const { operations } = await history(portsOf(await aLongDay()), { ...all, ...filter })
    expect(operations.map(idOf)).toEqual(['op-7', 'op-4'])
  })

  it.each<[string, Partial<HistoryFilter>, object | null]>([
    ['all', {}, { services: null }],
    ['those of a service', { services: ['order'] }, { services: ['order'] }],
    ['none beside a verb', { verbs: ['deploy'] }, null],
    ['those alone', { verbs: ['by-hand'] }, { others: [], services: null }],
    ['both', { verbs: ['by-hand', 'deploy'] }, { others: [expect.anything()] }],
    ['none, which have no outcome', { outcomes: ['done'] }, null],
  ])('has of what was changed by hand %s', async (_, filter, expected) => {
    const { world } = await deployedOnce()
    const asked: object[] = []
    const changes = [aHandChange('2026-01-01T13:00:00.000Z')]
    const ports = portsOf(world, async (query) => {
      asked.push(query)
      return changes
    })
    const { byHand } = await history(ports, { ...all, ...filter })
    expect(asked).toEqual(expected ? [expect.objectContaining(expected)] : [])
    expect(byHand).toEqual(expected ? changes : [])
  })
})

describe('an operation', () => {
  it.each([
    ['r-2', 6],
    ['op-5', 5],
  ])('is found as %s', async (id, number) => {
    const { world } = await releasedTwice()
    expect(findOperation(world.state.journal, id)).toMatchObject({ number })
  })

  const sixty = Array.from({ length: 60 }, (_, index) => index + 1)
  const long = aJournal({
    closed: sixty.map((n) =>
      n % 3 === 0 ? aMove(`r-${n / 3}`, 'switch', ['order']) : anOperation({}),
    ),
  })
  const rest = 'Run `shopctl history` to see all.'
  it.each([
    ['r-9', 'The nearest are r-2, r-1.'],
    ['op-6', 'The nearest are r-2, op-5, op-4, r-1, op-2.'],
    ['5', 'The latest are r-2, op-5, op-4, r-1, op-2.'],
    ['R-2', 'The latest are r-2, op-5, op-4, r-1, op-2.'],
    ['c0ffee1', 'A change by hand is a commit: run `git show c0ffee1` in the config repo.'],
  ])('%s, which could mean another one, is refused with those near it', async (id, near) => {
    const { world } = await releasedTwice()
    const find = () => findOperation(world.state.journal, id)
    expect(find).toThrow(expect.objectContaining({ code: 'unknown-operation', exitCode: 2 }))
    expect(find).toThrow(expect.objectContaining({ hint: `${near} ${rest}` }))
  })

  it.each([
    ['r-21', 'r-20, r-19, r-18, r-17, r-16'],
    ['op-30', 'op-32, op-31, r-10, op-29, op-28'],
  ])('%s is refused with the nearest of many', (id, near) => {
    expect(() => findOperation(long, id)).toThrow(
      expect.objectContaining({ hint: `The nearest are ${near}. ${rest}` }),
    )
  })

  it('is refused where there is none', () => {
    expect(() => findOperation(emptyJournal, 'r-1')).toThrow(
      expect.objectContaining({ hint: 'This environment has no operations yet.' }),
    )
  })
})
