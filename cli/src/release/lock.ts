// The lock of an environment. Every command that changes something holds it.
import { failed, refused, ShopctlError } from '../errors.ts'
import type { Lock } from './ports/session.ts'

export interface LockPorts {
  lock: Lock
  signal: AbortSignal
}

/**
 * Runs `change` while it holds the lock. The `signal` that `change` gets also aborts when the lock is lost: `change`
 * has to stop then.
 */
export async function withLock<P extends LockPorts, T>(
  ports: P,
  reason: string,
  change: (ports: P) => Promise<T>,
): Promise<T> {
  const held = await ports.lock.acquire(reason)
  if ('holder' in held) {
    throw refused({
      code: 'lock-held',
      message: `${held.holder} has held the lock since ${held.since}, for: ${held.reason}.`,
      hint: 'Wait until that command has ended. The lock of a killed command expires within 15 s.',
    })
  }
  try {
    return await change({ ...ports, signal: AbortSignal.any([ports.signal, held.lost]) })
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
