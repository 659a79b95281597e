// Which slots are not live and may be deleted; pure.
import { interruptedRefusal, type Refusal, refuse } from '../refusal.ts'
import { isReady, type NamedSlot, otherColor, sameTarget, type Target, targetOf } from '../slot.ts'
import { chosenServices, type EnvironmentState, liveSlot } from '../state.ts'

export interface CleanupPlan {
  kind: 'cleanup'
  removals: NamedSlot[]
  previews: { service: string; target: Target }[]
}

export function planCleanup(
  state: EnvironmentState,
  intent: { services: readonly string[] | null },
): CleanupPlan | Refusal {
  const interrupted = interruptedRefusal(state)
  if (interrupted) return interrupted
  const plan: CleanupPlan = { kind: 'cleanup', removals: [], previews: [] }
  for (const [name, now] of chosenServices(state, intent.services)) {
    const live = liveSlot(now)
    // Without a live slot, the slot that exists is the first deploy, which is still needed.
    if (!live) continue
    const slot = now.slots[otherColor(live.color)]
    if (slot && !isReady(live)) {
      return refuse(
        'live-not-ready',
        `${name} is live on ${live.color}, which is not ready: ${live.ready} of ${live.replicas} pods. A rollback may need ${slot.color}.`,
        'Wait until it is ready or run `shopctl rollback`, then run `shopctl cleanup` again.',
      )
    }
    if (slot) plan.removals.push({ name, slot })
    if (!sameTarget(now.preview?.target, live))
      plan.previews.push({ service: name, target: targetOf(live) })
  }
  return plan
}
