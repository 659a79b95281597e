import { setTimeout } from 'node:timers/promises'
import type { Transaction } from '@shop/kernel/database'
import { createFence, type Fence } from '@shop/kernel/gate'
import { describe, expect, it, vi } from 'vitest'
import { blue, createScene, effect, green, withExclusiveLock } from './gate-scene.ts'

describe('a fence', () => {
  it('sees what was committed while it waited for the lock', async () => {
    const { database, connect, effects } = await createScene()
    const set = (tx: Transaction, epoch: number) =>
      tx.query("UPDATE release_gate SET epoch = $1, color = 'blue', revision = 'b1'", [epoch])
    await database.transaction((tx) => set(tx, 1))
    const [first, second] = [1, 2].map((epoch) => createFence(connect(), blue, epoch)) as [
      Fence,
      Fence,
    ]
    await effect(first)
    let waiting: Promise<unknown>[] = []
    await withExclusiveLock(database, async (tx) => {
      waiting = [first, second].map((fence) => effect(fence).catch((error: Error) => error))
      await setTimeout(100)
      await set(tx, 2)
    })
    expect(await waiting[0]).toMatchObject({ name: 'GateClosed' })
    expect(await waiting[1]).toBeUndefined()
    expect(await effects()).toEqual([1, 2])
  })

  it('refuses an earlier epoch, also when the gate names its slot again', async () => {
    const { connect, move, effects } = await createScene()
    const fences: Fence[] = []
    for (const slot of [blue, green, blue]) {
      const { epoch } = await move(slot)
      fences.push(createFence(connect(), slot, epoch))
    }
    const [first, second, third] = fences as [Fence, Fence, Fence]
    const work = vi.fn()
    for (const fence of [first, second]) {
      await expect(effect(fence, work)).rejects.toMatchObject({ name: 'GateClosed' })
    }
    expect(work).not.toHaveBeenCalled()
    await effect(third)
    expect(await effects()).toEqual([3])
  })

  it('releases its connection after a refusal', async () => {
    const { database, move } = await createScene()
    await move(blue)
    const fence = createFence(database, green, 1)
    for (let n = 0; n < 20; n++) {
      await expect(fence.transaction(async () => {})).rejects.toMatchObject({ name: 'GateClosed' })
    }
    expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })
})
