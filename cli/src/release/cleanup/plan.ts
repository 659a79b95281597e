// Which slots do not serve and may go; pure.
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
    // Without a live slot what stands there is the first deploy: not a remainder.
    if (!live) continue
    const slot = now.slots[otherColor(live.color)]
    if (slot && !isReady(live)) {
      return refuse(
        'live-not-ready',
        `${name} serves from ${live.color}, which is not ready: ${live.ready} of ${live.replicas} pods; ${slot.color} may be its way back.`,
        `Wait until it is ready or run \`shopctl rollback\`, then clean up.`,
      )
    }
    if (slot) plan.removals.push({ name, slot })
    if (!sameTarget(now.preview?.target, live))
      plan.previews.push({ service: name, target: targetOf(live) })
  }
  return plan
}
