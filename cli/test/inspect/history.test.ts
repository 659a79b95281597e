// The operations of an environment, latest first.
import { describe, expect, it } from 'vitest'
import { findOperation, history } from '../../src/inspect/history.ts'
import { createShop, interruptedSwitch, releasedTwice } from '../fakes/shop.ts'

describe('history', () => {
  it('shows the latest first, and so many', async () => {
    const { world } = await releasedTwice()
    const { operations, damaged } = await history(world.journal, 4)
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
    const { operations } = await history(world.journal, 1)
    expect(operations).toMatchObject([{ release: 'r-2', verb: 'switch', outcome: null }])
  })

  it('names records that could not be read', async () => {
    const { world } = createShop()
    world.state.journal.damaged = ['shopctl-journal-00000002']
    expect(await history(world.journal, 10)).toEqual({
      operations: [],
      damaged: ['shopctl-journal-00000002'],
    })
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
