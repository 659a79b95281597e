// One change at a time per environment: a command that changes something holds its lock.
import { failed, refused, ShopctlError } from '../errors.ts'
import type { Lock } from './ports/session.ts'

export interface LockPorts {
  lock: Lock
  signal: AbortSignal
}

/**
 * Runs `change` under the lock, with the ports it was given but for `signal`: that one also aborts when the lock is
 * lost, and whatever `change` has started has to stop then.
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
      message: `${held.holder} holds the lock since ${held.since}, for: ${held.reason}.`,
      hint: 'Wait until it is done. The lock of a command that was killed ends by itself within 15 s.',
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
      message: `The lock is lost: this command did not renew it in time, and someone else may hold it.${why}`,
      hint: 'See `shopctl status`, then run the command again.',
      cause: error,
    })
  } finally {
    await held.release()
  }
}
