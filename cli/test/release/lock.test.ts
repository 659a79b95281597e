// One change at a time: the second command names the holder of the lock.
import { describe, expect, it } from 'vitest'
import { failed } from '../../src/errors.ts'
import { withLock } from '../../src/release/lock.ts'
import type { Lock } from '../../src/release/ports/session.ts'
import { createShop, releasedTwice } from '../fakes/shop.ts'
import { createWorld, type World } from '../fakes/world.ts'

describe('the lock', () => {
  it('tells the second one who holds it, and is let go whatever happens', async () => {
    const world = createWorld(['order'])
    const failing = withLock(world, 'deploy of order', async () => {
      await expect(withLock(world, 'switch', async () => {})).rejects.toMatchObject({
        code: 'lock-held',
        exitCode: 2,
        message: expect.stringMatching(/me@here 1.*since.*deploy of order/),
      })
      throw new Error('broken')
    })
    await expect(failing).rejects.toThrow('broken')
    expect(await world.lock.lockHolder()).toBeNull()
  })

  it('that is lost aborts the signal of what runs under it, and nothing else', async () => {
    const world = createWorld(['order'])
    const failing = withLock(world, 'deploy of order', async (ports) => {
      const { lost, ...others } = ports
      expect({ ...others, signal: null }).toEqual({ ...world, signal: null })
      expect([ports.signal.aborted, lost.aborted]).toEqual([false, false])
      world.lock.lose()
      expect([ports.signal.aborted, lost.aborted]).toEqual([true, true])
      throw new Error('stopped')
    })
    await expect(failing).rejects.toMatchObject({
      code: 'lock-lost',
      exitCode: 1,
      cause: { message: 'stopped' },
    })
    expect(world.signal.aborted).toBe(false)
    expect(await world.lock.lockHolder()).toBeNull()
  })

  it('that is lost says why its last renewal failed', async () => {
    const world = createWorld(['order'])
    const lost = AbortSignal.abort(failed({ code: 'cluster-unreachable', message: 'no answer' }))
    const lock = { ...world.lock, acquire: async () => ({ lost, async release() {} }) }
    const failing = withLock({ ...world, lock }, 'deploy', async ({ signal }) =>
      signal.throwIfAborted(),
    )
    await expect(failing).rejects.toThrow(/may hold it\. no answer$/)
  })

  it('gives way to Ctrl-C as well', async () => {
    const stop = new AbortController()
    const world = { ...createWorld(['order']), signal: stop.signal }
    await withLock(world, 'deploy', async ({ signal }) => {
      stop.abort()
      expect(signal.aborted).toBe(true)
    })
  })

  it.each(['deploy', 'smoke', 'switch', 'cleanup', 'release'] as const)(
    'keeps a second %s from changing anything',
    async (verb) => {
      const shop = createShop()
      await shop.deploy()
      const before = structuredClone(shop.world.state)
      await withLock(shop.world, 'mine', async () => {
        await expect(shop[verb]()).rejects.toMatchObject({ code: 'lock-held', exitCode: 2 })
      })
      expect(shop.world.state).toEqual(before)
    },
  )

  /** A lock that another command releases after so many questions. */
  function busyLock({ lock }: World, questions: number): Lock {
    let asked = 0
    const holder = { holder: 'ann@there 7', reason: 'release of order', since: 'noon' }
    return {
      ...lock,
      acquire: async (reason) => (++asked > questions ? lock.acquire(reason) : holder),
    }
  }

  it('is waited for by a rollback, which says for whom', async () => {
    const shop = await releasedTwice()
    const { world } = shop
    const from = world.clock.monotonic()
    expect(await shop.rollback({}, { lock: busyLock(world, 20) })).toMatchObject({ release: 'r-3' })
    expect(world.progress.lines).toContain('wait for ann@there 7: release of order')
    expect(world.clock.monotonic() - from).toBe(10_000)
  })

  it('is not waited for without end', async () => {
    const shop = await releasedTwice()
    const from = shop.world.clock.monotonic()
    const waiting = shop.rollback({}, { lock: busyLock(shop.world, Number.POSITIVE_INFINITY) })
    await expect(waiting).rejects.toMatchObject({
      code: 'lock-held',
      exitCode: 2,
      message: expect.stringMatching(/^ann@there 7 .*release of order/),
    })
    expect(shop.world.clock.monotonic() - from).toBe(180_000)
    expect(shop.live('order')).toBe('green bbbbbbbb')
  })

  it('is no longer waited for after Ctrl-C', async () => {
    const shop = await releasedTwice()
    const stop = new AbortController()
    const lock = busyLock(shop.world, Number.POSITIVE_INFINITY)
    const acquire: Lock['acquire'] = async (reason) => {
      stop.abort()
      return lock.acquire(reason)
    }
    const waiting = shop.rollback({}, { lock: { ...lock, acquire }, signal: stop.signal })
    await expect(waiting).rejects.toMatchObject({ exitCode: 130 })
  })
})
