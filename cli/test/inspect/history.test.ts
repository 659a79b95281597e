// The operations of an environment, latest first.
import { describe, expect, it } from 'vitest'
import { failed, interrupted } from '../../src/errors.ts'
import { findOperation, type HistoryPorts, history } from '../../src/inspect/history.ts'
import type { HandChange } from '../../src/release/ports/config-repo.ts'
import { createShop, interruptedSwitch, releasedTwice } from '../fakes/shop.ts'
import type { World } from '../fakes/world.ts'

function portsOf(world: World, changesByHand?: () => Promise<HandChange[]>): HistoryPorts {
  const { journal, progress } = world
  return { journal, progress, gitops: changesByHand ? { changesByHand } : null }
}

function aHandChange(date: string): HandChange {
  const changes = ['order blue → green']
  return { commit: 'c0ffee', author: 'Jane <j@x.org>', date, subject: 'Flip', changes }
}

describe('history', () => {
  it('shows the latest first, and so many', async () => {
    const { world } = await releasedTwice()
    const { operations, damaged } = await history(portsOf(world), 4)
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
    const { operations } = await history(portsOf(world), 1)
    expect(operations).toMatchObject([{ release: 'r-2', verb: 'switch', outcome: null }])
  })

  it('names records that could not be read', async () => {
    const { world } = createShop()
    world.state.journal.damaged = ['shopctl-journal-00000002']
    expect(await history(portsOf(world), 10)).toEqual({
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
    const shown = await history(portsOf(world, changesByHand), 5)
    expect(shown.operations.map(({ number }) => number)).toEqual([6, 5, 4])
    expect(shown.byHand).toEqual(changes)
    const others = shown.operations.map(({ startedAt }) => startedAt)
    expect(asked).toEqual([[5, expect.arrayContaining(others)]])
    expect((await history(portsOf(world, changesByHand), 2)).byHand).toEqual(changes.slice(0, 1))
  })

  it('has its own entries where git does not answer, with one warning', async () => {
    const { world } = await releasedTwice()
    const away = failed({ code: 'git-unreachable', message: 'git.example.com does not answer.' })
    const shown = await history(
      portsOf(world, () => Promise.reject(away)),
      2,
    )
    expect(shown).toMatchObject({ operations: [{ number: 6 }, { number: 5 }], byHand: null })
    expect(world.progress.lines).toContain(
      '! What was changed by hand is not shown: git.example.com does not answer.',
    )
  })

  it('ends at Ctrl-C', async () => {
    const { world } = await releasedTwice()
    const ports = portsOf(world, () => Promise.reject(interrupted()))
    await expect(history(ports, 2)).rejects.toMatchObject({ code: 'interrupted' })
  })
})

describe('an operation', () => {
  it.each([
    ['r-2', 6],
    ['op-5', 5],
  ])('is found as %s', async (id, number) => {
    const { world } = await releasedTwice()
    expect(await findOperation(world.journal, id)).toMatchObject({ number })
  })

  it.each(['5', 'op-6'])('is not found as %s, which could mean another one', async (id) => {
    const { world } = await releasedTwice()
    const finding = findOperation(world.journal, id)
    await expect(finding).rejects.toMatchObject({ code: 'unknown-operation' })
  })

  it('that there is not is refused with the latest that there are', async () => {
    const { world } = await releasedTwice()
    await expect(findOperation(world.journal, 'r-9')).rejects.toMatchObject({
      code: 'unknown-operation',
      exitCode: 2,
      hint: 'The latest are r-2, op-5, op-4, r-1, op-2. Run `shopctl history` to see all.',
    })
    await expect(findOperation(createShop().world.journal, 'r-1')).rejects.toMatchObject({
      hint: 'This environment has no operations yet.',
    })
  })
})
