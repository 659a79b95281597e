// cleanup: deletes the slots that are not live. After that a rollback needs a new release.
import { refused } from '../../errors.ts'
import { type FreezeIntent, heedFreeze } from '../freeze.ts'
import { type LockPorts, type LockWait, withLock } from '../lock.ts'
import { type ObservePorts, observe } from '../observe.ts'
import type { Contents, Pods } from '../ports/cluster.ts'
import type { Driver, Recorded } from '../ports/driver.ts'
import type { FreezeRecord } from '../record.ts'
import { closeDone, type RecordingPorts, recorded } from '../recording.ts'
import { isRefusal } from '../refusal.ts'
import { afterChanges, valuesOf } from '../settle.ts'
import { type NamedSlot, sameTarget, sideOf, targetOf } from '../slot.ts'
import { lostWaysBack } from '../standby.ts'
import type { EnvironmentState } from '../state.ts'
import { sweepCopies } from '../sweep.ts'
import { watchedDriver } from '../watched.ts'
import { awaitIdle, requireIdle } from './idle.ts'
import type { Kept } from './keep.ts'
import { type CleanupPlan, planCleanup } from './plan.ts'

interface CleanupPorts extends LockPorts, ObservePorts, RecordingPorts {
  driver: Driver
  contents: Contents
  pods: Pods
}

export interface CleanupInput extends FreezeIntent, LockWait {
  services: readonly string[] | null
  reason: string | null
  /** How long a slot is kept that is live no more, as `1h`. null: it is not. */
  keep: string | null
  /** Deletes what is kept too, and after `timeoutMs` what is still in use. */
  now: boolean
  /** How long it waits until nobody uses the slots. */
  timeoutMs: number
}

export interface Cleaned {
  removed: NamedSlot[]
  kept: Kept[]
}

export async function cleanup(ports: CleanupPorts, input: CleanupInput): Promise<Cleaned> {
  // Without the lock: a rollback to such a slot must not wait.
  const { removals: meant } = planNow(await observe(ports), ports, input)
  await awaitIdle(
    ports,
    input,
    meant,
    async () => onlyMeant(planNow(await observe(ports), ports, input), meant).removals,
  )
  const change = async (locked: CleanupPorts): Promise<Cleaned> => {
    const freeze = heedFreeze(locked, input)
    return afterChanges((changed) =>
      cleanUp(
        { ...locked, driver: watchedDriver(locked.driver, changed) },
        { ...input, meant },
        freeze,
      ),
    )
  }
  return withLock(ports, input.reason ?? 'cleanup', change, input)
}

function planNow(
  state: EnvironmentState,
  { clock }: Pick<CleanupPorts, 'clock'>,
  { services, keep, now }: CleanupInput,
  recorded?: Readonly<Record<string, Recorded>>,
): CleanupPlan {
  const keeping = now ? null : { keep, now: clock.now() }
  const plan = planCleanup(state, { services, keeping }, recorded)
  if (isRefusal(plan)) throw refused(plan)
  return plan
}

async function cleanUp(
  locked: CleanupPorts,
  input: CleanupInput & { meant: readonly NamedSlot[] },
  freeze: FreezeRecord | null,
): Promise<Cleaned> {
  await locked.driver.confirm([], locked.signal)
  const [state, helmReleases] = await Promise.all([observe(locked), locked.driver.recorded()])
  const plan = onlyMeant(planNow(state, locked, input, helmReleases), input.meant)
  if (!input.now) await requireIdle(locked, plan.removals)
  const services = plan.removals.map(({ name, slot }) => ({ name, from: sideOf(slot), to: null }))
  const { reason } = input
  const despite = { ...(freeze && { freeze }), ...ignoredKeep(state, locked, input) }
  const intent = { verb: 'cleanup' as const, reason, services, ...despite }
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
  return { removed: plan.removals, kept: plan.kept }
}

/** Without what another command has put on standby since this one began. */
function onlyMeant(plan: CleanupPlan, meant: readonly NamedSlot[]): CleanupPlan {
  const isOther = ({ name, slot }: NamedSlot): boolean =>
    !meant.some((each) => each.name === name && sameTarget(each.slot, slot))
  const others = new Set(plan.removals.filter(isOther).map(({ name }) => name))
  return {
    ...plan,
    removals: plan.removals.filter((each) => !isOther(each)),
    previews: plan.previews.filter(({ service }) => !others.has(service)),
  }
}

/** The `keep` that --now goes on in spite of. */
function ignoredKeep(
  state: EnvironmentState,
  ports: CleanupPorts,
  input: CleanupInput,
): { despiteKeep?: string } {
  const { keep, now } = input
  if (keep === null || !now) return {}
  const { kept } = planNow(state, ports, { ...input, now: false })
  return kept.length > 0 ? { despiteKeep: keep } : {}
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
