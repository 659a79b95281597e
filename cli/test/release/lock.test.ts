// One change at a time: the second command names the holder of the lock.
import { describe, expect, it } from 'vitest'
import { failed } from '../../src/errors.ts'
import { withLock } from '../../src/release/lock.ts'
import type { Held, Lock } from '../../src/release/ports/session.ts'
import { aHolder } from '../fakes/journal.ts'
import { createShop, releasedTwice, type Shop } from '../fakes/shop.ts'
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
    const lock = {
      ...world.lock,
      acquire: async () => ({ ...((await world.lock.acquire('deploy')) as Held), lost }),
    }
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
  function busyLock({ lock }: World, questions: number, byHand = false): Lock {
    let asked = 0
    const holder = aHolder({ holder: 'ann@there 7', reason: 'release of order', byHand })
    return {
      ...lock,
      acquire: async (reason) => (++asked > questions ? lock.acquire(reason) : holder),
    }
  }

  const waiting = ['deploy', 'smoke', 'switch', 'rollback', 'cleanup', 'release'] as const
  type Waiting = (typeof waiting)[number]

  /** Each verb has something to do in it. */
  async function shopFor(verb: Waiting): Promise<Shop> {
    const shop = await releasedTwice()
    shop.commit('c')
    if (verb === 'smoke' || verb === 'switch') await shop.deploy()
    return shop
  }

  function run(shop: Shop, verb: Waiting, lockWaitMs: number | null, lock: Lock) {
    const over = { lockWaitMs, skipSmoke: true }
    return verb === 'cleanup' ? shop.cleanup(null, { lock }, over) : shop[verb](over, { lock })
  }

  it.each(waiting)('is waited for as long as the user says: %s', async (verb) => {
    const shop = await shopFor(verb)
    const { world } = shop
    const before = world.state.journal.counter.operation
    const from = world.clock.monotonic()
    await run(shop, verb, 20_000, busyLock(world, 20))
    expect(world.progress.lines).toContain('wait for ann@there 7: release of order')
    expect(world.clock.monotonic() - from).toBeGreaterThanOrEqual(10_000)
    expect(world.state.journal.counter.operation).toBeGreaterThan(before)
  })

  it.each(waiting)('is waited for no longer: %s', async (verb) => {
    const shop = await shopFor(verb)
    const { clock, state } = shop.world
    const before = structuredClone(state)
    const from = clock.monotonic()
    const running = run(shop, verb, 700, busyLock(shop.world, Number.POSITIVE_INFINITY))
    await expect(running).rejects.toMatchObject({ code: 'lock-held', exitCode: 2 })
    expect(clock.monotonic() - from).toBe(700)
    expect(state).toEqual(before)
  })

  it.each(waiting)('by hand is waited for only if the user says so: %s', async (verb) => {
    const shop = await shopFor(verb)
    const { clock, state } = shop.world
    const before = structuredClone(state)
    const from = clock.monotonic()
    const refused = run(shop, verb, null, busyLock(shop.world, 20, true))
    await expect(refused).rejects.toMatchObject({
      ...{ code: 'locked-by-hand', exitCode: 2 },
      message:
        'ann@there 7 has locked this environment by hand since 2026-01-01T00:00:00Z, for: release of order.',
      hint: expect.stringContaining('`shopctl unlock --reason "…"`'),
    })
    expect(clock.monotonic() - from).toBe(0)
    expect(state).toEqual(before)
    await run(shop, verb, 20_000, busyLock(shop.world, 20, true))
    expect(clock.monotonic() - from).toBeGreaterThanOrEqual(10_000)
  })

  it('by hand ends the wait of a rollback that waits for a command', async () => {
    const shop = await releasedTwice()
    const { lock } = shop.world
    let asked = 0
    const acquire = async () => aHolder({ holder: 'ann@there', byHand: ++asked > 4 })
    const running = shop.rollback({}, { lock: { ...lock, acquire } })
    await expect(running).rejects.toMatchObject({ code: 'locked-by-hand' })
    expect(asked).toBe(5)
    expect(shop.live('order')).toBe('green bbbbbbbb')
  })

  it('names the run of CI that holds it', async () => {
    const shop = await releasedTwice()
    const run = 'https://github.com/o/n/actions/runs/7'
    shop.world.lock.holder = aHolder({ holder: 'ann@github.com 9', run, reason: 'release' })
    await expect(shop.deploy()).rejects.toMatchObject({
      message: `ann@github.com 9 (${run}) has held the lock since 2026-01-01T00:00:00Z, for: release.`,
      hint: expect.stringContaining('--lock-wait 10m'),
    })
  })

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
