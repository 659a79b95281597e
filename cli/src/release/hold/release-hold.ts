// hold release: an image that a rollback has put on hold may go live again.
import { refused } from '../../errors.ts'
import { type LockPorts, type LockWait, withLock } from '../lock.ts'
import { type ObservePorts, observe } from '../observe.ts'
import { type RecordingPorts, recorded } from '../recording.ts'
import { interruptedRefusal } from '../refusal.ts'
import { type HeldImage, heldDigests } from './held.ts'

export interface ReleaseHoldPorts extends LockPorts, ObservePorts, RecordingPorts {}

export interface ReleaseHoldInput extends LockWait {
  /** Digests, or how they begin. */
  digests: readonly string[]
  /** Why. The journal keeps it. */
  reason: string
}

/** Returns what is free now. */
export function releaseHold(
  ports: ReleaseHoldPorts,
  input: ReleaseHoldInput,
): Promise<HeldImage[]> {
  const { digests, reason } = input
  return withLock(
    ports,
    reason,
    async (locked) => {
      const state = await observe(locked)
      // Its record would end the interrupted operation, and only a rollback can do that.
      const interrupted = interruptedRefusal(state)
      if (interrupted) throw refused(interrupted)
      const held = heldDigests(state.journal)
      const wanted = (digest: string) => held.filter(({ side }) => side.digest.startsWith(digest))
      const unknown = digests.find((digest) => wanted(digest).length === 0)
      if (unknown !== undefined) throw notOnHold(unknown)
      const freed = [...new Set(digests.flatMap(wanted))]
      const services = freed.map(({ service, side }) => ({ name: service, from: null, to: side }))
      const intent = { verb: 'hold-release' as const, reason, services }
      return recorded(locked, state, intent, async () => freed)
    },
    input,
  )
}

function notOnHold(digest: string): Error {
  return refused({
    code: 'not-on-hold',
    message: `${digest} is not on hold.`,
    hint: 'Run `shopctl hold` to see what is on hold.',
  })
}
