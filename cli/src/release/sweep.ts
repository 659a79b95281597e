// Deletes the copies of Secrets and ConfigMaps that nothing uses any more.
import { said } from '../errors.ts'
import type { Contents } from './ports/cluster.ts'
import type { Clock, Progress } from './ports/session.ts'
import type { NamedSlot } from './slot.ts'

interface SweepPorts {
  contents: Contents
  clock: Clock
  progress: Progress
  signal: AbortSignal
}

const againMs = 250
/** The pods of a removed slot are marked as ending soon after its Deployment is gone. */
const mostAttempts = 40

/**
 * Waits a moment until nothing uses the copies of the removed slots. The caller holds the lock: without it, another
 * command may be about to use a copy. What is left, a later command deletes.
 */
export async function sweepCopies(
  { contents, clock, progress, signal }: SweepPorts,
  removed: readonly NamedSlot[] = [],
): Promise<void> {
  const isRemoved = ({ service, color }: { service: string; color: string }): boolean =>
    removed.some(({ name, slot }) => name === service && slot.color === color)
  try {
    for (let attempt = 1; attempt <= mostAttempts && !signal.aborted; attempt++) {
      const left = await contents.sweep()
      if (!left.some(isRemoved)) return
      await clock.sleep(againMs, signal)
    }
  } catch (error) {
    progress.warn(`copies of earlier Secrets were not deleted: ${said(error)}`)
  }
}
