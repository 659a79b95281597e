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

/** What a service should become: made by `desire` from image, values and chart. */
export interface Wanted {
  digest: string
  version: string
  revision: string
}

export interface DeployStep {
  service: string
  /** live: serves already; ready: stands by already; upgrade: the slot has to be written. */
  action: 'live' | 'ready' | 'upgrade'
  color: Color
  wanted: Wanted
  /** What the slot holds now. */
  replaces: Slot | null
  /** Where the preview Service belongs afterwards. */
  preview: Target
}

export interface DeployPlan {
  kind: 'deploy'
  steps: DeployStep[]
}

export interface DeployIntent {
  wanted: Readonly<Record<string, Wanted>>
  /** A check as much as a choice: a service where it is live is refused. */
  color: Color | null
  /** Services of which something was written only in part. */
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
    // The slot may stand though what belongs to it does not.
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
    `${service} serves from ${color}; deploy writes only to the standby slot.`,
    isMixed
      ? "Leave --color out to take each service's standby: they do not all serve from the same color."
      : `Use --color ${other}, or leave --color out to take each service's standby.`,
  )
}

function deployStep(service: string, now: ServiceState, wanted: Wanted, color: Color): DeployStep {
  const live = liveSlot(now)
  if (live && live.revision === wanted.revision) {
    // The preview goes back to the live slot too: a candidate deployed earlier is no longer wanted.
    const { color } = live
    return { service, action: 'live', color, wanted, replaces: live, preview: targetOf(live) }
  }
  const slot = now.slots[color]
  const stands = slot !== null && slot.revision === wanted.revision && isReady(slot)
  return {
    service,
    action: stands ? 'ready' : 'upgrade',
    color,
    wanted,
    replaces: slot,
    preview: { color, revision: wanted.revision },
  }
}
