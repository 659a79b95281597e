// lock and unlock: a lock that a person makes, and that stands until a person ends it.
import { refused } from '../errors.ts'
import { type LockPorts, type LockWait, withLock } from './lock.ts'
import { type ObservePorts, observe } from './observe.ts'
import type { LockHolder } from './ports/session.ts'
import { openMove } from './record.ts'
import { type RecordingPorts, recorded } from './recording.ts'
import { interruptedRefusal } from './refusal.ts'

export interface HandLockPorts extends LockPorts, ObservePorts, RecordingPorts {}

export interface HandLockInput extends LockWait {
  /** Why. Others read it. */
  reason: string
}

/** A command that holds the lock ends first: what is locked by hand is at rest. */
export async function lockByHand(ports: HandLockPorts, input: HandLockInput): Promise<LockHolder> {
  const { reason } = input
  return withLock(
    ports,
    reason,
    async (locked, held) => {
      const state = await observe(locked)
      // Its way back would be locked, too.
      const interrupted = interruptedRefusal(state)
      if (interrupted) throw refused(interrupted)
      const intent = { verb: 'lock' as const, reason, services: [] }
      return recorded(locked, state, intent, () => held.lockByHand(reason))
    },
    input,
  )
}

/** Returns the lock that was ended. */
export async function unlockByHand(
  ports: HandLockPorts,
  input: HandLockInput,
): Promise<LockHolder> {
  const { reason } = input
  return withLock(
    ports,
    reason,
    async (locked, held) => {
      const { byHand } = held
      if (!byHand) throw refused(notLocked)
      const state = await observe(locked)
      const unlock = () => held.unlockByHand()
      // To record it would end the interrupted operation, and only a rollback can do that.
      if (openMove(state.journal)) {
        await unlock()
        ports.progress.warn('This unlock is not recorded: an operation was interrupted.')
      } else await recorded(locked, state, { verb: 'unlock', reason, services: [] }, unlock)
      return byHand
    },
    { ...input, despiteByHand: true },
  )
}

const notLocked = {
  code: 'not-locked',
  message: 'Nobody has locked this environment by hand.',
  hint: 'Run `shopctl status`: it shows whether a command holds the lock. That one ends by itself.',
}
