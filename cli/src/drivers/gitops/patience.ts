// How a rollback goes on while Argo CD is slow or down.
import { said } from '../../errors.ts'
import type { Mover } from '../../release/ports/driver.ts'
import type { Progress } from '../../release/ports/session.ts'
import {
  endOthers,
  endRunning,
  otherThan,
  readApplication,
  type SyncPorts,
  type Taken,
} from './sync.ts'

export interface PatientPorts extends SyncPorts {
  progress: Progress
}

/** The way back waits no longer for an Argo CD that may be down. */
const backSeconds = 10
/** How often Argo CD may begin an operation before it is asked for one. */
const tries = 3

/** `otherwise` runs if Argo CD does not answer, and the move goes on all the same. */
export type Waiting = (
  wait: (ports: SyncPorts) => Promise<void>,
  otherwise?: () => Promise<void>,
) => Promise<void>

/** Only what moves back goes on without Argo CD. */
export function waitingOf(ports: PatientPorts, mover: Mover): Waiting {
  const isBack = mover === 'rollback' || mover === 'undo'
  return isBack ? patiently(ports) : (wait) => wait(ports)
}

/** Does without Argo CD once that does not answer: git has the commit, so it will find that nothing is to do. */
export function patiently(ports: PatientPorts): Waiting {
  const { limit, progress, signal } = ports
  const seconds = Math.min(limit.seconds, backSeconds)
  let isAway = false
  return async (wait, otherwise = async () => {}) => {
    try {
      if (!isAway) return await wait({ ...ports, limit: { ...limit, seconds } })
    } catch (error) {
      if (signal.aborted) throw error
      isAway = true
      progress.warn(`This goes on without Argo CD: ${said(error)}`)
    }
    await otherwise()
  }
}

/**
 * Makes a write safe that Argo CD was not awaited for. It may be slow, and not down: what it compares at this moment may
 * be an older commit, and it would heal the Services back to that. Argo CD carries out one operation at a time, so one
 * for the commit keeps it from beginning such another one. Turning its syncs off would not: it began the comparison with
 * the syncs on. And an operation ends by itself, also if this process is killed.
 */
export async function claim(ports: PatientPorts, name: string, taken: Taken): Promise<void> {
  const { applications } = ports
  const isOther = otherThan(taken)
  await trying(ports, name, async () => {
    for (let left = tries; left > 0; left--) {
      await endOthers(ports, name, taken, isOther)
      await applications.sync(name, taken.commit)
      const { operation = null } = (await readApplication(applications, name)) ?? {}
      if (operation && !(await isOther(operation.revision))) return
    }
    throw new Error(`it begins other operations for ${name} again and again`)
  })
}

/**
 * The same for a write that has no commit: an operation that writes nothing takes the place of one that would. `commit` is
 * any that Argo CD knows. What has begun is ended first.
 */
export async function occupy(ports: SyncPorts, name: string, commit: string): Promise<void> {
  await endRunning(ports, name)
  await ports.applications.sync(name, commit, { dryRun: true })
}

/** Asks Argo CD to look at the branch. What fails is only said: the move does not depend on Argo CD. */
export async function trying(
  { applications, progress }: PatientPorts,
  name: string,
  run: () => Promise<void>,
): Promise<void> {
  try {
    await applications.refresh(name)
    await run()
  } catch (error) {
    progress.warn(`Argo CD may still move the Services to another slot and back: ${said(error)}`)
  }
}
