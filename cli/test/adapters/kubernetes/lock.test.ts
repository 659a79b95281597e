import type { V1Lease } from '@kubernetes/client-node'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { errorOf } from '../../../src/adapters/kubernetes/api.ts'
import { createLock } from '../../../src/adapters/kubernetes/lock.ts'
import type { Clock, Held } from '../../../src/release/ports/session.ts'
import { createFakeApi, type FakeApi } from '../../fakes/kubernetes-api.ts'

const path = '/apis/coordination.k8s.io/v1/namespaces/shop/leases/shopctl'
let api: FakeApi
/** The processes of this machine that are gone. */
let gone: string[]

beforeEach(() => {
  gone = []
  vi.useFakeTimers({ now: Date.parse('2026-01-01T12:00:00Z') })
  api = createFakeApi(Date.now)
})
afterEach(() => vi.useRealTimers())

/** The lock on a machine whose clock is wrong by `skewMs`. */
function lockOf(holder: string, skewMs = 0) {
  const clock: Clock = {
    now: () => new Date(Date.now() + skewMs),
    monotonic: () => performance.now(),
    sleep: async () => {},
  }
  const processes = {
    describeSelf: async () => (holder.includes('@mac') ? null : `process of ${holder}`),
    hasEnded: async (description: string) => gone.includes(description),
  }
  return createLock(api, 'shop', { holder, clock, processes })
}

async function take(holder: string, skewMs = 0): Promise<Held> {
  const held = await lockOf(holder, skewMs).acquire('deploy')
  if (!('release' in held)) throw new Error(`${held.holder} has it`)
  return held
}

/** Leaves the lease of a holder that was just killed. */
async function leaveBehind(): Promise<void> {
  const held = await take('dead@there 7')
  const lease = api.objects.get(path)
  await held.release()
  if (lease) api.objects.set(path, lease)
}

describe('a lock', () => {
  const skews = [-3_600_000, -16_000, 0, 16_000, 3_600_000]
  it.each(skews)('is held for a machine whose clock is %i ms off', async (skew) => {
    await take('me@here 1')
    await vi.advanceTimersByTimeAsync(14_000)
    const other = lockOf('you@there 2', skew)
    expect(await other.acquire('switch')).toMatchObject({ holder: 'me@here 1' })
    expect(await other.lockHolder()).toMatchObject({ holder: 'me@here 1' })
  })

  it.each(skews)('is held by a machine whose clock is %i ms off', async (skew) => {
    const held = await take('me@here 1', skew)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(await lockOf('you@there 2').lockHolder()).toMatchObject({ holder: 'me@here 1' })
    expect(held.lost.aborted).toBe(false)
  })

  it('of a holder that was killed ends after 15 s, and no sooner', async () => {
    await leaveBehind()
    vi.setSystemTime(Date.now() + 15_000)
    expect(await lockOf('you@there 2').acquire('switch')).toMatchObject({ holder: 'dead@there 7' })
    vi.setSystemTime(Date.now() + 1_000)
    expect(await lockOf('you@there 2').acquire('switch')).toHaveProperty('release')
  })

  it('of a process of this machine that has ended is free at once', async () => {
    await leaveBehind()
    gone = ['process of dead@there 7']
    expect(await lockOf('you@there 2').lockHolder()).toBeNull()
    const held = await lockOf('you@there 2').acquire('switch')
    expect(held).toHaveProperty('release')
    expect(await lockOf('me@here 1').lockHolder()).toMatchObject({ holder: 'you@there 2' })
  })

  it('is taken when another command took it at the same moment and has released it since', async () => {
    await leaveBehind()
    gone.push('process of dead@there 7')
    const { send } = api
    api.send = async () => {
      api.send = send
      api.objects.delete(path)
      throw errorOf(409, 'PUT', path, '{"message":"Precondition failed: UID in precondition"}')
    }
    const held = await take('me@here 1')
    expect(api.objects.get(path)).toMatchObject({ spec: { holderIdentity: 'me@here 1' } })
    await held.release()
  })

  it('says nothing about a process where one cannot be recognised later', async () => {
    await take('me@mac 1')
    gone = ['']
    await vi.advanceTimersByTimeAsync(5_000)
    const lease = api.objects.get(path) as V1Lease
    expect(Object.keys(lease.metadata?.annotations ?? {})).toEqual(['shopctl.dev/reason'])
  })

  it('is read once to take it and once to see its holder', async () => {
    await take('me@here 1')
    expect(api.requests).toEqual([`GET ${path}`])
    await lockOf('you@there 2').lockHolder()
    expect(api.requests).toHaveLength(2)
  })

  it('stays ours when the answer to a renewal was lost', async () => {
    const held = await take('me@here 1')
    api.faults.loseAnswers = 1
    await vi.advanceTimersByTimeAsync(30_000)
    expect(held.lost.aborted).toBe(false)
    await held.release()
    expect(api.objects.has(path)).toBe(false)
  })

  it('is lost when another command took it', async () => {
    const held = await take('me@here 1')
    const lease = api.objects.get(path)
    const spec = { holderIdentity: 'you@there 2', renewTime: new Date().toISOString() }
    api.objects.set(path, { ...lease, ...{ spec }, metadata: { resourceVersion: 'theirs' } })
    await vi.advanceTimersByTimeAsync(4_000)
    expect(held.lost.aborted).toBe(true)
    await held.release()
    expect(api.objects.has(path)).toBe(true)
  })

  it('is lost when it could not be renewed for 15 s, but not when the API server is unreachable for a moment', async () => {
    const held = await take('me@here 1')
    api.faults.away = true
    await vi.advanceTimersByTimeAsync(11_000)
    api.faults.away = false
    await vi.advanceTimersByTimeAsync(6_000)
    api.faults.away = true
    expect(held.lost.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(16_000)
    expect(held.lost.aborted).toBe(true)
    expect(held.lost.reason).toMatchObject({ code: 'cluster-unreachable' })
  })

  it('is lost after a laptop slept and its monotonic clock stopped', async () => {
    const held = await take('me@here 1')
    vi.setSystemTime(Date.now() + 16_000)
    await vi.advanceTimersByTimeAsync(250)
    expect(held.lost.aborted).toBe(true)
  })
})
