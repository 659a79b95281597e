// What every environment does, the one in memory and one on a real cluster: records, lock, Services, Secrets.
import { expect, it } from 'vitest'
import type { Cluster } from '../../src/release/ports.ts'
import type { Target } from '../../src/release/state.ts'

const signal = new AbortController().signal
const green: Target = { color: 'green', revision: 'b' }

/** `make` gives an environment with the Services of `order`, without selector, and nothing else. */
export function clusterContract(make: () => Promise<Cluster>): void {
  it('has Services that lead nowhere, no slot and no release at first', async () => {
    const state = await (await make()).read()
    expect(state.services.order).toMatchObject({
      slots: { blue: null, green: null },
      stable: { target: null },
      preview: { target: null },
    })
    expect(state.records).toEqual({
      counter: 0,
      operation: null,
      history: [],
      smoked: [],
      dependencies: {},
    })
  })

  it('points a Service to a slot and back to nowhere, with what was read in hand', async () => {
    const cluster = await make()
    const read = async () =>
      (await cluster.pointer('order', 'stable')) ?? { target: null, resourceVersion: '' }
    const { resourceVersion } = await read()
    const next = await cluster.point('order', 'stable', green, resourceVersion)
    expect(await read()).toEqual({ target: green, resourceVersion: next })
    await cluster.point('order', 'stable', null, next)
    expect((await read()).target).toBeNull()
    expect((await cluster.read()).services.order?.preview?.target).toBeNull()
  })

  it('lets no stale writer point a Service', async () => {
    const cluster = await make()
    const stale = (await cluster.pointer('order', 'stable'))?.resourceVersion ?? ''
    await cluster.point('order', 'stable', green, stale)
    const late = cluster.point('order', 'stable', { color: 'blue', revision: 'a' }, stale)
    await expect(late).rejects.toMatchObject({ code: 'conflict' })
    expect((await cluster.pointer('order', 'stable'))?.target).toEqual(green)
  })

  it('keeps what two write into the records at once', async () => {
    const cluster = await make()
    const count = () =>
      cluster.updateRecords((records) => ({ ...records, counter: records.counter + 1 }))
    await Promise.all([count(), count(), count()])
    expect((await cluster.read()).records.counter).toBe(3)
  })

  it('gives the lock to one, names it to others, and takes it back', async () => {
    const cluster = await make()
    const [first, second] = await Promise.all([
      cluster.acquire('deploy'),
      cluster.acquire('deploy'),
    ])
    const held = [first, second].filter((each) => 'release' in each)
    expect(held).toHaveLength(1)
    expect(await cluster.lockHolder()).toMatchObject({
      reason: 'deploy',
      since: expect.any(String),
    })
    for (const each of held) if ('release' in each) await each.release()
    expect(await cluster.lockHolder()).toBeNull()
    const again = await cluster.acquire('switch')
    expect(again).toHaveProperty('release')
    if ('release' in again) await again.release()
  })

  it('adds to a Secret, and changes nothing in it', async () => {
    const cluster = await make()
    expect(await cluster.readSecret('order')).toBeNull()
    await cluster.addToSecret('order', { url: 'a' })
    await cluster.addToSecret('order', { url: 'b', key: 'c' })
    expect(await cluster.readSecret('order')).toEqual({ url: 'a', key: 'c' })
  })

  it('has no endpoints, pods or StatefulSets where there are none', async () => {
    const cluster = await make()
    expect(await cluster.pods('order', green)).toEqual([])
    expect(await cluster.role('order-green-b-9')).toBeNull()
    expect(await cluster.ask('order-green-b-9', 'GET', '/accounting', signal)).toBeNull()
    expect(await cluster.statefulSet('postgres')).toBeNull()
    expect(
      await cluster.awaitEndpoints('order', (ready) => ready.length, { timeoutMs: 3_000, signal }),
    ).toBe(0)
  })

  it('stops waiting when the time is up', async () => {
    const cluster = await make()
    expect(await cluster.awaitEndpoints('order', () => null, { timeoutMs: 50, signal })).toBeNull()
  })
}
