// The lock of an environment. Every command that changes something holds it.
import { failed, refused, ShopctlError } from '../errors.ts'
import type { Clock, Held, Lock, LockHolder, Progress } from './ports/session.ts'
import { type Refusal, refuse } from './refusal.ts'

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

export interface LockWait {
  /** How long to wait for the lock, whoever holds it. null: as the command does by itself. */
  lockWaitMs?: number | null
}

interface LockOptions extends LockWait {
  /** How long it waits by itself for another command. Never for a lock by hand: nobody knows how long that stands. */
  ownWaitMs?: number
  /** Takes the lock although a lock by hand stands. */
  despiteByHand?: boolean
}

/** Codes of the error of a command that did not get the lock. */
const heldCodes = { byCommand: 'lock-held', byHand: 'locked-by-hand' }

/** How often a waiting command asks for the lock. */
const askMs = 500

/**
 * Runs `change` while it holds the lock. The `signal` that `change` gets also aborts when the lock is lost: `change`
 * has to stop then.
 */
export async function withLock<P extends LockPorts, T>(
  ports: P,
  reason: string,
  change: (ports: P & Locked, held: Held) => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const held = await take(ports, reason, options)
  try {
    const { lost } = held
    return await change({ ...ports, lost, signal: AbortSignal.any([ports.signal, lost]) }, held)
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

async function take(
  { lock, clock, progress, signal }: LockPorts,
  reason: string,
  { lockWaitMs = null, ownWaitMs = 0, despiteByHand = false }: LockOptions,
): Promise<Held> {
  const waitMs = lockWaitMs ?? ownWaitMs
  const acquire = async (): Promise<Held | LockHolder> => {
    const found = await lock.acquire(reason, { despiteByHand })
    if ('holder' in found && found.byHand && lockWaitMs === null) throw lockHeld(found)
    return found
  }
  const first = await acquire()
  if (!('holder' in first)) return first
  if (waitMs === 0) throw lockHeld(first)
  return progress.step(`wait for ${first.holder}: ${first.reason}`, async (say) => {
    const until = clock.monotonic() + waitMs
    let holder = first
    while (clock.monotonic() < until) {
      await clock.sleep(Math.min(askMs, until - clock.monotonic()), signal)
      const found = await acquire()
      if (!('holder' in found)) return found
      if (found.holder !== holder.holder) say(`${found.holder}: ${found.reason}`)
      holder = found
    }
    throw lockHeld(holder)
  })
}

/** `ann@laptop 4711 (https://github.com/…)` */
export function holderText({ holder, run }: LockHolder): string {
  return run === null ? holder : `${holder} (${run})`
}

function lockHeld(found: LockHolder): Error {
  return refused(lockRefusal(found))
}

export function lockRefusal(found: LockHolder): Refusal {
  const { since, reason, byHand } = found
  if (byHand)
    return refuse(
      heldCodes.byHand,
      `${holderText(found)} has locked this environment by hand since ${since}, for: ${reason}.`,
      'Ask them. `shopctl unlock --reason "…"` ends the lock at once, `--lock-wait 30m` waits for its end.',
    )
  return refuse(
    heldCodes.byCommand,
    `${holderText(found)} has held the lock since ${since}, for: ${reason}.`,
    'Wait until that command has ended, or add `--lock-wait 10m`. The lock of a killed command expires within 15 s.',
  )
}

/** Whether the command did not get the lock. null: that is not the error. */
export function heldOf(error: unknown): Refusal | null {
  if (!(error instanceof ShopctlError) || !Object.values(heldCodes).includes(error.code))
    return null
  return refuse(error.code, error.message, error.hint ?? '')
}
