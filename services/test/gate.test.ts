// The gate in a real Postgres: which slot may commit, in which order, and what must not block it.
import { setTimeout } from 'node:timers/promises'
import { createFence, type Fence, moveGate } from '@shop/kernel/gate'
import { describe, expect, it, vi } from 'vitest'
import {
  blue,
  createScene,
  effect,
  freeze,
  green,
  soon,
  untilFence,
  untilLockIsAwaited,
} from './gate-scene.ts'

describe('the gate', () => {
  it('follows the Service, with one epoch per change', async () => {
    const { startPod, select, gate } = await createScene()
    const pods = { blue: startPod(blue), green: startPod(green) }
    select(blue)
    pods.blue.keeper.setRole('live')
    pods.green.keeper.setRole('standby')
    expect((await untilFence(pods.blue.keeper)).epoch).toBe(1)
    select(green)
    pods.green.keeper.setRole('live')
    expect((await untilFence(pods.green.keeper)).epoch).toBe(2)
    // The blue pod has not seen the change yet. Its effects are refused, and it drops its fence.
    await expect(effect(pods.blue.keeper.fence() as Fence)).rejects.toThrow('epoch 1 is over')
    await pods.blue.keeper.latest()
    expect(pods.blue.keeper.fence()).toBeNull()
    pods.blue.keeper.setRole('standby')
    expect(await gate()).toEqual({ epoch: 2, ...green })
    expect([pods.blue.fences, pods.green.fences]).toEqual([[1, null], [2]])
  })

  it('has no commit of an old epoch after one of a new epoch', async () => {
    const { startPod, select, effects } = await createScene()
    const pods = [startPod(blue), startPod(green)].map((pod, index) => ({ ...pod, index }))
    let ended = false
    const working = pods.map(async ({ keeper }) => {
      while (!ended) {
        const fence = keeper.fence()
        if (fence) await effect(fence).catch(() => keeper.refused())
        else await setTimeout(1)
      }
    })
    for (let turn = 0; turn < 10; turn++) {
      const [next, other] = turn % 2 === 0 ? pods : [...pods].reverse()
      select(turn % 2 === 0 ? blue : green)
      next?.keeper.setRole('live')
      // The other pod becomes standby late.
      const late = setTimeout(turn * 5).then(() => other?.keeper.setRole('standby'))
      const begun = async () => expect(await effects()).toContain(turn + 1)
      await Promise.all([late, vi.waitFor(begun, { timeout: 5_000, interval: 10 })])
    }
    ended = true
    await Promise.all(working)
    const epochs = await effects()
    expect(epochs).toEqual(epochs.toSorted((one, other) => one - other))
    expect(new Set(epochs).size).toBe(10)
  })

  it('is not moved by a pod whose role is out of date', async () => {
    const { startPod, select, gate } = await createScene()
    const [one, other] = [startPod(blue), startPod(green)]
    select(green)
    other.keeper.setRole('live')
    await untilFence(other.keeper)
    one.keeper.setRole('live')
    await setTimeout(500)
    expect(one.keeper.fence()).toBeNull()
    expect(await gate()).toEqual({ epoch: 1, ...green })
    // It moves the gate when the Service names its slot again, without a change of its role.
    select(blue)
    expect((await untilFence(one.keeper)).epoch).toBe(2)
  })

  it('starts one epoch when all pods of a slot move it at once', async () => {
    const { startPod, select, gate } = await createScene()
    select(blue)
    const pods = Array.from({ length: 5 }, () => startPod(blue))
    for (const { keeper } of pods) keeper.setRole('live')
    const fences = await Promise.all(pods.map(({ keeper }) => untilFence(keeper)))
    expect(fences.map(({ epoch }) => epoch)).toEqual([1, 1, 1, 1, 1])
    expect(await gate()).toEqual({ epoch: 1, ...blue })
  })

  it('stays as it is while the Service names no slot', async () => {
    const { startPod, select, move, gate } = await createScene()
    await move(green)
    select(null)
    const { keeper } = startPod(blue)
    keeper.setRole('live')
    await setTimeout(300)
    expect(keeper.fence()).toBeNull()
    expect(await gate()).toEqual({ epoch: 1, ...green })
  })

  it('is not moved by a decision that is too old, or from an earlier epoch', async () => {
    const { database, move, gate } = await createScene()
    await move(blue)
    const late = moveGate(database, { from: 0, to: green, deadline: soon() })
    expect(await late).toEqual({ epoch: 1, ...blue })
    const stale = moveGate(database, { from: 1, to: green, deadline: performance.now() - 1 })
    await expect(stale).rejects.toThrow('too old')
    expect(await gate()).toEqual({ epoch: 1, ...blue })
  })

  it('is not moved when the connection came too late', async () => {
    const { database, move, gate } = await createScene()
    await move(blue)
    const busy = Array.from({ length: 5 }, () => database.query('SELECT pg_sleep(0.3)'))
    const late = moveGate(database, { from: 1, to: green, deadline: performance.now() + 100 })
    await expect(late).rejects.toThrow('too old')
    await Promise.all(busy)
    expect(await gate()).toEqual({ epoch: 1, ...blue })
  })

  it('moves within a second when its holders are frozen, and they commit nothing', async () => {
    const { database, startPod, select, effects } = await createScene()
    const [one, other] = [startPod(blue), startPod(green)]
    select(blue)
    one.keeper.setRole('live')
    const old = await untilFence(one.keeper)
    const frozen = await Promise.all([freeze(old), freeze(old), freeze(old)])
    select(green)
    const start = performance.now()
    other.keeper.setRole('live')
    // A transaction that begins while the lock is awaited is not terminated.
    await untilLockIsAwaited(database)
    await effect(old)
    await effect(await untilFence(other.keeper))
    expect(performance.now() - start).toBeLessThan(1_000)
    for (const { thaw } of frozen) thaw()
    expect(await Promise.all(frozen.map(({ outcome }) => outcome))).toEqual(
      frozen.map(() => expect.any(Error)),
    )
    expect(await effects()).toEqual([1, 2])
  })

  it('is used by a pod that starts without the API server', async () => {
    const { startPod, move, setApi } = await createScene()
    await move(blue)
    setApi(() => Promise.reject(new Error('the API server does not answer')))
    const [one, other] = [startPod(blue), startPod(green)]
    one.keeper.setRole('unknown')
    other.keeper.setRole('unknown')
    expect((await untilFence(one.keeper)).epoch).toBe(1)
    expect(other.keeper.fence()).toBeNull()
    // Another pod moves the gate, and these pods read it.
    await move(green)
    expect((await untilFence(other.keeper)).epoch).toBe(2)
    await expect(effect(one.keeper.fence() as Fence)).rejects.toThrow('epoch 1 is over')
    await one.keeper.latest()
    await setTimeout(300)
    expect(one.keeper.fence()).toBeNull()
  })

  it('is not blocked by a pod that has lost the API server', async () => {
    const { database, startPod, select, move, setApi, gate } = await createScene()
    const { keeper, fences } = startPod(blue)
    select(blue)
    keeper.setRole('live')
    const old = await untilFence(keeper)
    select(green)
    const { epoch } = await move(green)
    setApi(async () => {
      await setTimeout(1_500)
      throw new Error('the API server does not answer')
    })
    await expect(effect(old)).rejects.toMatchObject({ name: 'GateClosed' })
    await keeper.latest()
    const fence = createFence(database, green, epoch)
    const took: number[] = []
    for (let n = 0; n < 20; n++) {
      const start = performance.now()
      await effect(fence)
      took.push(performance.now() - start)
      await setTimeout(100)
    }
    // Most of them: a busy machine alone may hold up one.
    expect(took.filter((ms) => ms > 200).length).toBeLessThan(5)
    expect(fences).toEqual([1, null])
    expect(await gate()).toEqual({ epoch: 2, ...green })
  })

  it('is read again after a refusal, also when that fails at first', async () => {
    const { startPod, select, move, connect } = await createScene()
    const control = connect()
    let away = false
    const { keeper, fences } = startPod(blue, {
      ...control,
      query: (text, values) =>
        away ? Promise.reject(new Error('away')) : control.query(text, values),
    })
    for (const slot of [blue, green, blue]) {
      select(slot)
      await move(slot)
      if (fences.length > 0) continue
      keeper.setRole('live')
      await untilFence(keeper)
    }
    away = true
    keeper.refused()
    await setTimeout(200)
    expect(keeper.fence()).toBeNull()
    away = false
    expect((await untilFence(keeper)).epoch).toBe(3)
    expect(fences).toEqual([1, null, 3])
  })

  it('is opened as soon as the database works again', async () => {
    const { database, startPod, select } = await createScene()
    await database.query('ALTER TABLE release_gate RENAME TO away')
    const { keeper } = startPod(blue)
    select(blue)
    keeper.setRole('live')
    await setTimeout(1_000)
    expect(keeper.fence()).toBeNull()
    await database.query('ALTER TABLE away RENAME TO release_gate')
    expect((await untilFence(keeper)).epoch).toBe(1)
  })
})
