// The lock of an environment. Every command that changes something holds it.
import { failed, refused, ShopctlError } from '../errors.ts'
import type { Clock, Held, Lock, LockHolder, Progress } from './ports/session.ts'

export interface LockPorts {
  lock: Lock
  clock: Clock
  progress: Progress
  signal: AbortSignal
}

/** What a change gets that holds the lock. */
export interface Locked {
  /** Aborts when the lock is lost, and not for Ctrl-C: what is put back after that needs the lock all the same. */
  lost: AbortSignal
}

/** How often a waiting command asks for the lock. */
const askMs = 500

/**
 * Runs `change` while it holds the lock. The `signal` that `change` gets also aborts when the lock is lost: `change`
 * has to stop then. `waitMs`: how long to wait for another command that holds it.
 */
export async function withLock<P extends LockPorts, T>(
  ports: P,
  reason: string,
  change: (ports: P & Locked) => Promise<T>,
  { waitMs = 0 }: { waitMs?: number } = {},
): Promise<T> {
  const found = await ports.lock.acquire(reason)
  const held = 'holder' in found ? await awaitLock(ports, reason, found, waitMs) : found
  try {
    const { lost } = held
    return await change({ ...ports, lost, signal: AbortSignal.any([ports.signal, lost]) })
  } catch (error) {
    if (!held.lost.aborted) throw error
    const { reason } = held.lost
    const why = reason instanceof ShopctlError ? ` ${reason.message}` : ''
    throw failed({
      code: 'lock-lost',
      message: `The lock is lost: this command did not renew it in time, and another command may hold it.${why}`,
      hint: 'Run `shopctl status`, then run the command again.',
      cause: error,
    })
  } finally {
    await held.release()
  }
}

async function awaitLock(
  { lock, clock, progress, signal }: LockPorts,
  reason: string,
  first: LockHolder,
  waitMs: number,
): Promise<Held> {
  if (waitMs === 0) throw lockHeld(first)
  return progress.step(`wait for ${first.holder}: ${first.reason}`, async (say) => {
    const until = clock.monotonic() + waitMs
    let holder = first
    while (clock.monotonic() < until) {
      await clock.sleep(askMs, signal)
      const held = await lock.acquire(reason)
      if (!('holder' in held)) return held
      if (held.holder !== holder.holder) say(`${held.holder}: ${held.reason}`)
      holder = held
    }
    throw lockHeld(holder)
  })
}

function lockHeld({ holder, since, reason }: LockHolder): Error {
  return refused({
    code: 'lock-held',
    message: `${holder} has held the lock since ${since}, for: ${reason}.`,
    hint: 'Wait until that command has ended. The lock of a killed command expires within 15 s.',
  })
}
