// Which slots are not live and may be deleted; pure.
import type { Recorded } from '../ports/driver.ts'
import { interruptedRefusal, type Refusal, refuse } from '../refusal.ts'
import {
  isReady,
  type NamedSlot,
  otherColor,
  sameTarget,
  slotName,
  type Target,
  targetOf,
} from '../slot.ts'
import { chosenServices, type EnvironmentState, liveSlot } from '../state.ts'
import { type Keeping, type Kept, keptUntil } from './keep.ts'

export interface CleanupPlan {
  kind: 'cleanup'
  removals: NamedSlot[]
  /** Slots that are not live, and stay for now. */
  kept: Kept[]
  /** Rests of a slot whose Deployment is gone: an uninstall or a first install was killed. */
  rests: { service: string; slot: Target }[]
  previews: { service: string; target: Target }[]
}

export function planCleanup(
  state: EnvironmentState,
  intent: { services: readonly string[] | null; keeping?: Keeping | null },
  recorded: Readonly<Record<string, Recorded>> = {},
): CleanupPlan | Refusal {
  const interrupted = interruptedRefusal(state)
  if (interrupted) return interrupted
  const plan: CleanupPlan = { kind: 'cleanup', removals: [], kept: [], rests: [], previews: [] }
  for (const [name, now] of chosenServices(state, intent.services)) {
    const live = liveSlot(now)
    // Without a live slot, the slot that exists is the first deploy, which is still needed.
    if (!live) continue
    const color = otherColor(live.color)
    const slot = now.slots[color]
    if (slot && !isReady(live)) {
      return refuse(
        'live-not-ready',
        `${name} is live on ${live.color}, which is not ready: ${live.ready} of ${live.replicas} pods. A rollback may need ${slot.color}.`,
        'Wait until it is ready or run `shopctl rollback`, then run `shopctl cleanup` again.',
      )
    }
    const kept = slot && keptUntil(state.journal, { name, slot }, intent.keeping ?? null)
    if (kept) plan.kept.push(kept)
    else if (slot) plan.removals.push({ name, slot })
    else if (recorded[slotName(name, color)])
      plan.rests.push({ service: name, slot: { color, revision: '' } })
    if (!sameTarget(now.preview?.target, live))
      plan.previews.push({ service: name, target: targetOf(live) })
  }
  return plan
}
