// cleanup: deletes the slots that are not live. After that a rollback needs a new release.
import { refused } from '../../errors.ts'
import { type FreezeIntent, heedFreeze } from '../freeze.ts'
import { type LockPorts, type LockWait, withLock } from '../lock.ts'
import { type ObservePorts, observe } from '../observe.ts'
import type { Contents } from '../ports/cluster.ts'
import type { Driver } from '../ports/driver.ts'
import type { FreezeRecord } from '../record.ts'
import { closeDone, type RecordingPorts, recorded } from '../recording.ts'
import { isRefusal } from '../refusal.ts'
import { afterChanges, valuesOf } from '../settle.ts'
import { type NamedSlot, sideOf, targetOf } from '../slot.ts'
import { lostWaysBack } from '../standby.ts'
import type { EnvironmentState } from '../state.ts'
import { sweepCopies } from '../sweep.ts'
import { watchedDriver } from '../watched.ts'
import { type CleanupPlan, planCleanup } from './plan.ts'

interface CleanupPorts extends LockPorts, ObservePorts, RecordingPorts {
  driver: Driver
  contents: Contents
}

export interface CleanupInput extends FreezeIntent, LockWait {
  services: readonly string[] | null
  reason: string | null
}

/** Returns the slots that were deleted. */
export async function cleanup(ports: CleanupPorts, input: CleanupInput): Promise<NamedSlot[]> {
  const change = async (locked: CleanupPorts): Promise<NamedSlot[]> => {
    const freeze = heedFreeze(locked, input)
    return afterChanges((changed) =>
      cleanUp({ ...locked, driver: watchedDriver(locked.driver, changed) }, input, freeze),
    )
  }
  return withLock(ports, input.reason ?? 'cleanup', change, input)
}

async function cleanUp(
  locked: CleanupPorts,
  input: CleanupInput,
  freeze: FreezeRecord | null,
): Promise<NamedSlot[]> {
  await locked.driver.confirm([], locked.signal)
  const [state, helmReleases] = await Promise.all([observe(locked), locked.driver.recorded()])
  const plan = planCleanup(state, input, helmReleases)
  if (isRefusal(plan)) throw refused(plan)
  const services = plan.removals.map(({ name, slot }) => ({ name, from: sideOf(slot), to: null }))
  const { reason } = input
  const intent = { verb: 'cleanup' as const, reason, services, ...(freeze && { freeze }) }
  const slots = plan.removals.map(({ name, slot: { color } }) => ({ service: name, color }))
  for (const line of lostWaysBack(state, 'cleanup deletes', slots)) locked.progress.note(line)
  if (plan.rests.length > 0) await removeRests(locked, plan)
  if (services.length === 0) {
    await pointPreviews(locked, state, plan)
    await closeDone(locked, state, input.services ?? Object.keys(state.services))
  } else
    await recorded(locked, state, intent, ({ phase }) =>
      phase('remove', () => carryOut(locked, state, plan)),
    )
  await sweepCopies(locked, plan.removals)
  return plan.removals
}

async function carryOut(
  ports: CleanupPorts,
  state: EnvironmentState,
  plan: CleanupPlan,
): Promise<void> {
  const { driver, progress, signal } = ports
  // The preview Services first: no Service may select a slot that is being deleted.
  await pointPreviews(ports, state, plan)
  const slots = plan.removals.map(({ name, slot }) => ({ service: name, slot: targetOf(slot) }))
  const names = plan.removals.map(({ name, slot }) => `${name} ${slot.color}`).join(', ')
  await progress.step(`remove ${names}`, async () =>
    valuesOf(await driver.removeSlots(slots, signal)),
  )
}

async function removeRests(
  { driver, progress, signal }: CleanupPorts,
  { rests }: CleanupPlan,
): Promise<void> {
  const names = rests.map(({ service, slot }) => `${service} ${slot.color}`).join(', ')
  await progress.step(`remove the rest of ${names}`, async () =>
    valuesOf(await driver.removeSlots(rests, signal)),
  )
}

async function pointPreviews(
  { driver, signal }: CleanupPorts,
  { services }: EnvironmentState,
  { previews }: CleanupPlan,
): Promise<void> {
  const moves = previews.flatMap(({ service, target }) => {
    const resourceVersion = services[service]?.preview?.resourceVersion
    if (resourceVersion === undefined) return []
    return [{ service, which: 'preview' as const, to: target, resourceVersion, release: null }]
  })
  valuesOf(await driver.movePointers(moves, 'cleanup', signal))
}
