import { setTimeout } from 'node:timers/promises'
import { pino } from 'pino'
import { describe, expect, it, type TestContext, vi } from 'vitest'
import { connectKubernetes } from '../kubernetes.ts'
import { type Follower, followService, type Role } from '../role.ts'
import { startFakeKubernetes } from './fake-kubernetes.ts'

const mine = { 'shopctl.dev/color': 'green', 'shopctl.dev/revision': '5f2a9c01aa' }
const other = { 'shopctl.dev/color': 'blue', 'shopctl.dev/revision': '5f2a9c01aa' }
const older = { 'shopctl.dev/color': 'green', 'shopctl.dev/revision': '0000000000' }

/** An API server, and functions that start a follower. */
async function createScene({ onTestFinished }: TestContext) {
  const kubernetes = await startFakeKubernetes('order')
  const api = connectKubernetes({
    host: '127.0.0.1',
    port: kubernetes.port,
    serviceAccountDir: kubernetes.serviceAccountDir,
  })
  const changes: Role[] = []
  let follower: Follower | undefined
  onTestFinished(async () => {
    follower?.close()
    api.close()
    await kubernetes.close()
  })

  function follow(): Follower {
    follower = followService({
      api,
      namespace: 'test',
      service: 'order',
      slot: { color: 'green', revision: '5f2a9c01aa' },
      logger: pino({ level: 'silent' }),
      now: () => new Date(),
      onChange: (role) => changes.push(role),
    })
    return follower
  }

  /** Waits until there is a watch. Until then, only a GET notices a change. */
  async function followAndWatch(): Promise<Follower> {
    const started = follow()
    await vi.waitFor(() => expect(kubernetes.watchCount()).toBe(1), { timeout: 5_000 })
    await vi.waitFor(() => expect(started.role()).not.toBe('unknown'), { timeout: 5_000 })
    return started
  }
  return { kubernetes, changes, follow, followAndWatch }
}

/** Waits for the role and returns how long that took, in milliseconds. */
async function until(follower: Follower, role: Role, timeout = 5_000): Promise<number> {
  const start = performance.now()
  await vi.waitFor(() => expect(follower.role()).toBe(role), { timeout, interval: 2 })
  return performance.now() - start
}

describe.concurrent('followService', { timeout: 15_000 }, () => {
  it.for([
    ['its color and revision', mine, 'live'],
    ['the other color', other, 'standby'],
    ['another revision of its color', older, 'standby'],
    ['nothing', null, 'standby'],
    ['the color of no slot', { 'shopctl.dev/color': 'none' }, 'standby'],
    ['the color of no slot, and its revision', { ...mine, 'shopctl.dev/color': 'none' }, 'standby'],
  ] as const)('given a Service that selects %s', async ([_name, selector, role], context) => {
    const { kubernetes, follow } = await createScene(context)
    kubernetes.select(selector)
    const follower = follow()
    expect(follower.role()).toBe('unknown')
    await until(follower, role)
  })

  it('is standby while there is no Service, and live as soon as one names it', async (context) => {
    const { kubernetes, changes, followAndWatch } = await createScene(context)
    const follower = await followAndWatch()
    expect(follower.role()).toBe('standby')
    kubernetes.select(mine)
    expect(await until(follower, 'live')).toBeLessThan(500)
    kubernetes.remove()
    expect(await until(follower, 'standby')).toBeLessThan(500)
    expect(changes).toEqual(['standby', 'live', 'standby'])
  })

  it('follows the watch at once', async (context) => {
    const { kubernetes, followAndWatch } = await createScene(context)
    kubernetes.select(other)
    const follower = await followAndWatch()
    kubernetes.select(mine)
    expect(await until(follower, 'live')).toBeLessThan(500)
    kubernetes.select(null)
    expect(await until(follower, 'standby')).toBeLessThan(500)
  })

  it('notices by a GET what a half-open watch does not send, and starts a new watch', async (context) => {
    const { kubernetes, followAndWatch } = await createScene(context)
    kubernetes.select(other)
    const follower = await followAndWatch()
    kubernetes.muteWatches(true)
    kubernetes.select(mine)
    expect(await until(follower, 'live')).toBeLessThan(3_000)
    kubernetes.muteWatches(false)
    // The muted watch was aborted, and there is a new one.
    await setTimeout(1_500)
    kubernetes.select(other)
    expect(await until(follower, 'standby')).toBeLessThan(500)
  })

  it('aborts a half-open watch as soon as a GET shows a change that it did not send', async (context) => {
    const { kubernetes, changes, followAndWatch } = await createScene(context)
    kubernetes.select(other)
    const follower = await followAndWatch()
    kubernetes.muteWatches(true)
    // A change that does not change the role.
    kubernetes.select(older)
    await vi.waitFor(() => expect(kubernetes.watchCount()).toBe(0), { timeout: 4_000, interval: 1 })
    kubernetes.muteWatches(false)
    await vi.waitFor(() => expect(kubernetes.watchCount()).toBe(1), { timeout: 2_000 })
    kubernetes.select(mine)
    expect(await until(follower, 'live')).toBeLessThan(500)
    expect(changes).toEqual(['standby', 'live'])
  })

  it('does not abort a watch that works', async (context) => {
    const { kubernetes, followAndWatch } = await createScene(context)
    kubernetes.select(other)
    await followAndWatch()
    const open = kubernetes.getCount()
    for (const selector of [mine, older, null, mine]) {
      kubernetes.select(selector)
      await setTimeout(1_100)
      expect(kubernetes.watchCount()).toBe(1)
    }
    expect(kubernetes.getCount()).toBeLessThanOrEqual(open + 3)
  })

  it('starts a new watch when the request for one is not answered', async (context) => {
    const { kubernetes, follow } = await createScene(context)
    kubernetes.stallWatches(true)
    kubernetes.select(other)
    const follower = follow()
    await until(follower, 'standby')
    kubernetes.select(mine)
    expect(await until(follower, 'live')).toBeLessThan(3_000)
    kubernetes.stallWatches(false)
    await vi.waitFor(() => expect(kubernetes.watchCount()).toBe(1), { timeout: 5_000 })
    kubernetes.select(other)
    expect(await until(follower, 'standby')).toBeLessThan(500)
  })

  it('follows an API server whose versions are lower than before', async (context) => {
    const { kubernetes, followAndWatch } = await createScene(context)
    for (let n = 0; n < 20; n++) kubernetes.select(other)
    const follower = await followAndWatch()
    kubernetes.restore(3)
    kubernetes.select(mine)
    expect(await until(follower, 'live')).toBeLessThan(3_000)
    await vi.waitFor(() => expect(kubernetes.watchCount()).toBe(1), { timeout: 5_000 })
    kubernetes.select(other)
    expect(await until(follower, 'standby')).toBeLessThan(500)
    kubernetes.select(mine)
    expect(await until(follower, 'live')).toBeLessThan(500)
  })

  it('follows a Service that is deleted and made again', async (context) => {
    const { kubernetes, followAndWatch } = await createScene(context)
    kubernetes.select(mine)
    const follower = await followAndWatch()
    kubernetes.remove()
    await until(follower, 'standby')
    kubernetes.select(mine)
    expect(await until(follower, 'live')).toBeLessThan(500)
    expect(kubernetes.watchCount()).toBe(1)
  })

  it('reads on demand, and changes its role by the answer', async (context) => {
    const { kubernetes, followAndWatch } = await createScene(context)
    kubernetes.select(mine)
    const follower = await followAndWatch()
    kubernetes.muteWatches(true)
    kubernetes.select(other)
    expect(await follower.read()).toEqual({ color: 'blue', revision: '5f2a9c01aa' })
    expect(follower.role()).toBe('standby')
    kubernetes.select(null)
    expect(await follower.read()).toBeNull()
    kubernetes.setDown(true)
    await expect(follower.read()).rejects.toThrow('503')
  })

  it('begins a new watch after 410 Gone', async (context) => {
    const { kubernetes, followAndWatch } = await createScene(context)
    kubernetes.select(other)
    const follower = await followAndWatch()
    kubernetes.expireWatches()
    await vi.waitFor(() => expect(kubernetes.watchCount()).toBe(0), { interval: 1 })
    await vi.waitFor(() => expect(kubernetes.watchCount()).toBe(1), { timeout: 3_000 })
    kubernetes.select(mine)
    expect(await until(follower, 'live')).toBeLessThan(500)
  })

  it('reads the token again when it was rotated', async (context) => {
    const { kubernetes, followAndWatch } = await createScene(context)
    kubernetes.select(other)
    const follower = await followAndWatch()
    kubernetes.rotateToken('second')
    kubernetes.expireWatches()
    await setTimeout(500)
    kubernetes.select(mine)
    await until(follower, 'live')
  })

  it('keeps its role while the API server does not answer', async (context) => {
    const { kubernetes, changes, followAndWatch } = await createScene(context)
    kubernetes.select(mine)
    const follower = await followAndWatch()
    kubernetes.setDown(true)
    await setTimeout(2_500)
    expect(follower.role()).toBe('live')
    kubernetes.select(other)
    await setTimeout(2_500)
    expect(follower.role()).toBe('live')
    kubernetes.setDown(false)
    await until(follower, 'standby')
    expect(changes).toEqual(['live', 'standby'])
  })

  it('stays unknown until the first answer', async (context) => {
    const { kubernetes, follow } = await createScene(context)
    kubernetes.select(mine)
    kubernetes.setDown(true)
    const follower = follow()
    await setTimeout(500)
    expect(follower.role()).toBe('unknown')
    kubernetes.setDown(false)
    await until(follower, 'live')
  })
})
