// What every lock does: that in memory, and the Lease on an API server.
import { expect, it } from 'vitest'
import type { Held, Lock } from '../../src/release/ports/session.ts'

export interface LockUnderTest {
  lock: Lock
}

/** `make` gives a lock that nobody holds. */
export function lockContract(make: () => Promise<LockUnderTest>): void {
  const anyone = {
    ...{ holder: expect.any(String), run: null },
    since: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
  }
  const ofCommand = (reason: string) => ({ ...anyone, reason, byHand: false })
  const ofHand = (reason: string) => ({ ...anyone, reason, byHand: true })

  it('goes to one, is named to others, and comes back', async () => {
    const { lock } = await make()
    expect(await lock.lockHolder()).toBeNull()
    const all = await Promise.all([lock.acquire('deploy'), lock.acquire('deploy')])
    const held = all.filter((each) => 'release' in each)
    expect(held).toHaveLength(1)
    expect(await lock.lockHolder()).toEqual(ofCommand('deploy'))
    expect(all).toContainEqual(ofCommand('deploy'))
    expect(held[0]?.lost.aborted).toBe(false)
    expect(held[0]?.byHand).toBeNull()
    for (const each of held) await each.release()
    expect(await lock.lockHolder()).toBeNull()
    await (await take(lock)).release()
  })

  it('by hand stands after the command that made it, until one ends it', async () => {
    const { lock } = await make()
    const locking = await take(lock)
    const made = await locking.lockByHand('the database moves')
    expect(made).toEqual(ofHand('the database moves'))
    expect(await lock.lockHolder()).toEqual(ofCommand('switch'))
    await locking.release()
    expect(await lock.lockHolder()).toEqual(made)
    expect(await lock.acquire('switch')).toEqual(made)

    const unlocking = await take(lock, { despiteByHand: true })
    expect(unlocking.byHand).toEqual(made)
    expect(await lock.lockHolder()).toEqual(ofCommand('switch'))
    await unlocking.unlockByHand()
    await unlocking.release()
    expect(await lock.lockHolder()).toBeNull()
    const next = await take(lock)
    expect(next.byHand).toBeNull()
    await next.release()
  })

  it('by hand stays when a command only passes it', async () => {
    const { lock } = await make()
    const locking = await take(lock)
    const made = await locking.lockByHand('the database moves')
    await locking.release()
    const passing = await take(lock, { despiteByHand: true })
    expect(await lock.acquire('deploy', { despiteByHand: true })).toEqual(ofCommand('switch'))
    await passing.release()
    expect(await lock.lockHolder()).toEqual(made)
    // For the next test.
    const last = await take(lock, { despiteByHand: true })
    await last.unlockByHand()
    await last.release()
  })
}

async function take(lock: Lock, options?: { despiteByHand: boolean }): Promise<Held> {
  const held = await lock.acquire('switch', options)
  if ('holder' in held) throw new Error(`${held.holder} has it`)
  return held
}
