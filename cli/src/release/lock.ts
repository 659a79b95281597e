// One change at a time per environment: whoever changes something holds its lock.
import { failed, refused, ShopctlError } from '../errors.ts'
import type { Lock } from './ports.ts'

/** Runs `change` under the lock; it has to stop when the signal it gets aborts. */
export async function withLock<T>(
  lock: Lock,
  reason: string,
  signal: AbortSignal,
  change: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const held = await lock.acquire(reason)
  if ('holder' in held) {
    throw refused({
      code: 'lock-held',
      message: `${held.holder} holds the lock since ${held.since}, for: ${held.reason}.`,
      hint: 'Wait until it is done. The lock of a command that was killed ends by itself within 15 s.',
    })
  }
  try {
    return await change(AbortSignal.any([signal, held.lost]))
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
