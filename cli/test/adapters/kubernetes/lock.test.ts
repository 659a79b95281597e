// The Lease: whose clock counts, who is gone, what is lost, and the lock by hand in its annotations.
import type { V1Lease } from '@kubernetes/client-node'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { errorOf } from '../../../src/adapters/kubernetes/api.ts'
import { createLock } from '../../../src/adapters/kubernetes/lock.ts'
import type { Clock, Held } from '../../../src/release/ports/session.ts'
import { createFakeApi, type FakeApi } from '../../fakes/kubernetes-api.ts'
import { lockContract } from '../../fakes/lock-contract.ts'

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
function lockOf(holder: string, skewMs = 0, run: string | null = null) {
  const clock: Clock = {
    now: () => new Date(Date.now() + skewMs),
    monotonic: () => performance.now(),
    sleep: async () => {},
  }
  const processes = {
    describeSelf: async () => (holder.includes('@mac') ? null : `process of ${holder}`),
    hasEnded: async (description: string) => gone.includes(description),
  }
  const operator = { by: holder.split(' ')[0] ?? '', run }
  return createLock(api, 'shop', { operator, holder, clock, processes })
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

describe('as any lock', () => lockContract(async () => ({ lock: lockOf('me@here 1') })))

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

  it('says who holds it, where from, why and since when', async () => {
    const run = 'https://github.com/o/n/actions/runs/7'
    const held = await lockOf('ann@github.com 9', 0, run).acquire('release of order')
    expect(await lockOf('you@there 2').lockHolder()).toEqual({
      ...{ holder: 'ann@github.com 9', run, reason: 'release of order' },
      ...{ since: '2026-01-01T12:00:00Z', byHand: false },
    })
    await vi.advanceTimersByTimeAsync(30_000)
    expect(await lockOf('you@there 2').lockHolder()).toMatchObject({ run })
    if ('release' in held) await held.release()
  })
})

describe('a lock by hand', () => {
  const made = {
    ...{ holder: 'me@here', run: null, reason: 'the database moves' },
    ...{ since: '2026-01-01T12:00:02Z', byHand: true },
  }
  async function makeIt(): Promise<Held> {
    const held = await take('me@here 1')
    await vi.advanceTimersByTimeAsync(2_000)
    expect(await held.lockByHand('the database moves')).toEqual(made)
    return held
  }
  const lease = () => api.objects.get(path) as V1Lease

  it('is the whole Lease when no command runs', async () => {
    await (await makeIt()).release()
    expect(lease()).toMatchObject({ metadata: { name: 'shopctl' }, spec: {} })
    expect(lease().spec).toEqual({})
    expect(lease().metadata?.annotations).toEqual({
      'shopctl.dev/locked-by': 'me@here',
      'shopctl.dev/locked-since': '2026-01-01T12:00:02Z',
      'shopctl.dev/locked-reason': 'the database moves',
    })
  })

  it('never expires, whatever the clock of a machine says', async () => {
    await (await makeIt()).release()
    await vi.advanceTimersByTimeAsync(30 * 86_400_000)
    for (const skew of [-3_600_000, 3_600_000]) {
      expect(await lockOf('you@there 2', skew).acquire('switch')).toEqual(made)
    }
  })

  it.each([
    ['has ended here', () => gone.push('process of me@here 1')],
    ['is not heard of any more', () => vi.setSystemTime(Date.now() + 20_000)],
  ])('stands although the command that made it %s', async (_, end) => {
    await makeIt()
    vi.clearAllTimers()
    end()
    expect(await lockOf('you@there 2').lockHolder()).toEqual(made)
    expect(await lockOf('you@there 2').acquire('switch')).toEqual(made)
  })

  it('stands although the command that wanted to end it was killed before it did', async () => {
    await (await makeIt()).release()
    await lockOf('you@there 2').acquire('unlock', { despiteByHand: true })
    vi.clearAllTimers()
    gone.push('process of you@there 2')
    expect(await lockOf('me@here 1').acquire('switch')).toEqual(made)
  })

  it('stays through the renewals of the command, and says in CI which run made it', async () => {
    const run = 'https://github.com/o/n/actions/runs/7'
    const held = await lockOf('ann@github.com 9', 0, run).acquire('lock')
    if (!('release' in held)) throw new Error('held')
    await held.lockByHand('night')
    await vi.advanceTimersByTimeAsync(30_000)
    expect(held.lost.aborted).toBe(false)
    await held.release()
    expect(await lockOf('you@there 2').lockHolder()).toMatchObject({
      ...{ holder: 'ann@github.com', run, reason: 'night', byHand: true },
    })
  })

  it('is still one when somebody has damaged its annotations', async () => {
    api.put(path, { metadata: { name: 'shopctl', annotations: { 'shopctl.dev/locked-by': '' } } })
    expect(await lockOf('you@there 2').acquire('switch')).toEqual({
      ...{ holder: '', run: null, reason: '', since: '', byHand: true },
    })
  })

  it('is made by no command that has lost its lock', async () => {
    const held = await take('me@here 1')
    const stolen = { ...lease().spec, holderIdentity: 'you@there 2' } as object
    api.put(path, { ...lease(), spec: stolen })
    await expect(held.lockByHand('mine')).rejects.toMatchObject({ code: 'conflict' })
    expect(held.lost.aborted).toBe(true)
    await held.release()
    expect(lease().spec).toEqual(stolen)
    expect(lease().metadata?.annotations).not.toHaveProperty(['shopctl.dev/locked-by'])
  })

  it('waits for a renewal that is under way, and the next renewal for it', async () => {
    const held = await take('me@here 1')
    const { send } = api
    let running = 0
    let most = 0
    api.send = async (...request) => {
      running += 1
      most = Math.max(most, running)
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      running -= 1
      return send(...request)
    }
    await vi.advanceTimersByTimeAsync(4_000)
    const making = held.lockByHand('mine')
    await vi.advanceTimersByTimeAsync(12_000)
    expect(await making).toMatchObject({ reason: 'mine' })
    expect([most, held.lost.aborted]).toEqual([1, false])
  })
})
