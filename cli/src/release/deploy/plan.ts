// deploy: (observed state, wanted revisions) → plan | refusal; pure.
import { interruptedRefusal, type Refusal, refuse } from '../refusal.ts'
import { type Color, isReady, otherColor, type Slot, type Target, targetOf } from '../slot.ts'
import {
  type EnvironmentState,
  liveColor,
  liveSlot,
  type ServiceState,
  servesFrom,
  standbyColor,
} from '../state.ts'

/** The wanted image and revision of a service. */
export interface Wanted {
  digest: string
  version: string
  revision: string
}

export interface DeployStep {
  service: string
  /** live: is live already; ready: is on standby already; upgrade: the slot has to be written. */
  action: 'live' | 'ready' | 'upgrade'
  color: Color
  wanted: Wanted
  /** The slot as it is now. */
  replaces: Slot | null
  /** What the preview Service has to select afterwards. */
  preview: Target
}

export interface DeployPlan {
  kind: 'deploy'
  steps: DeployStep[]
}

interface DeployIntent {
  wanted: Readonly<Record<string, Wanted>>
  /** The color to write. Refused if it is live. null: each service's standby. */
  color: Color | null
  /** Services whose last write is incomplete. */
  unfinished: readonly string[]
}

const nothing: ServiceState = { slots: { blue: null, green: null }, stable: null, preview: null }

export function planDeploy(state: EnvironmentState, intent: DeployIntent): DeployPlan | Refusal {
  const interrupted = interruptedRefusal(state)
  if (interrupted) return interrupted
  const steps: DeployStep[] = []
  for (const [service, wanted] of Object.entries(intent.wanted)) {
    const now = state.services[service] ?? nothing
    if (intent.color && liveColor(now) === intent.color)
      return slotIsLive(state, service, intent.color, Object.keys(intent.wanted))
    const step = deployStep(service, now, wanted, intent.color ?? standbyColor(now))
    // The slot may be ready although the rest of its release is incomplete.
    const unfinished = step.action === 'ready' && intent.unfinished.includes(service)
    steps.push(unfinished ? { ...step, action: 'upgrade' } : step)
  }
  return { kind: 'deploy', steps }
}

function slotIsLive(
  state: EnvironmentState,
  service: string,
  color: Color,
  names: readonly string[],
): Refusal {
  const other = otherColor(color)
  const isMixed = names.some((name) => servesFrom(state, name, other))
  return refuse(
    'slot-is-live',
    `${service} is live on ${color}; deploy writes only to the standby slot.`,
    isMixed
      ? "Leave out --color to deploy to each service's standby: the services are not all live on the same color."
      : `Use --color ${other}, or leave out --color to deploy to each service's standby.`,
  )
}

function deployStep(service: string, now: ServiceState, wanted: Wanted, color: Color): DeployStep {
  const live = liveSlot(now)
  // Pods that are not ready may miss their migrations, which only the Job of a new slot applies.
  const isDown = live !== null && live.migrations !== null && live.ready === 0
  if (live && live.revision === wanted.revision && !isDown) {
    // The preview Service goes back to the live slot: an earlier candidate is no longer wanted.
    const { color } = live
    return { service, action: 'live', color, wanted, replaces: live, preview: targetOf(live) }
  }
  const slot = now.slots[color]
  const isDone = slot !== null && slot.revision === wanted.revision && isReady(slot)
  return {
    service,
    action: isDone ? 'ready' : 'upgrade',
    color,
    wanted,
    replaces: slot,
    preview: { color, revision: wanted.revision },
  }
}
