// deploy: (observed state, wanted revisions) → plan | refusal; pure.
import { isChanged, liveReplicas, scaleLive } from '../capacity.ts'
import type { SlotScale } from '../ports/driver.ts'
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
  /** `replicas` of the values. null: they do not set it. */
  replicas: number | null
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
  /** The standby slot gets at least so many pods: as many as serve now. */
  atLeast: number
  /** How the live slot follows its values. null: it has the number of pods that they say, or was scaled since. */
  scale: SlotScale | null
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
  /** Services whose live pods lack their migrations, which only a deploy to the standby slot applies. */
  unmigrated: readonly string[]
}

/** The number of pods that a slot will have, at least. null: it is up to its chart. */
export function plannedReplicas(step: Omit<DeployStep, 'preview'>): number | null {
  const { action, wanted, atLeast, replaces, scale } = step
  if (action !== 'upgrade') return scale?.replicas ?? replaces?.replicas ?? null
  return Math.max(wanted.replicas ?? 0, atLeast) || null
}

/** What a deploy changes about the number of pods of a service. */
export function capacityLines(step: Omit<DeployStep, 'preview'>): string[] {
  const { service, action, color, wanted, atLeast, scale } = step
  const pods = scale?.replicas ?? (scale?.min ? `at least ${scale.min}` : null)
  const declared = wanted.replicas
  const isRaised = action === 'upgrade' && declared !== null && atLeast > declared
  return [
    ...(pods !== null
      ? [`${service} ${scale?.color} is live and gets ${pods} pods, as its values say now`]
      : []),
    ...(isRaised
      ? [
          `${service} ${color} gets ${atLeast} pods, as many as the live slot; its values say ${declared}`,
        ]
      : []),
  ]
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
    const step = deployStep(service, now, wanted, {
      color: intent.color ?? standbyColor(now),
      isUnmigrated: intent.unmigrated.includes(service),
    })
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

function deployStep(
  service: string,
  now: ServiceState,
  wanted: Wanted,
  { color, isUnmigrated }: { color: Color; isUnmigrated: boolean },
): DeployStep {
  const live = liveSlot(now)
  const scale = live && scaleLive(service, live, wanted.replicas)
  const atLeast = live ? liveReplicas(live, wanted.replicas) : 0
  if (live?.revision === wanted.revision && !isUnmigrated) {
    // The preview Service goes back to the live slot: an earlier candidate is no longer wanted.
    const { color } = live
    const preview = targetOf(live)
    return { service, action: 'live', color, wanted, replaces: live, preview, atLeast, scale }
  }
  const slot = now.slots[color]
  const isDone =
    !isUnmigrated &&
    slot !== null &&
    slot.revision === wanted.revision &&
    isReady(slot) &&
    slot.replicas >= atLeast &&
    !isChanged(slot, wanted.replicas)
  return {
    service,
    action: isDone ? 'ready' : 'upgrade',
    color,
    wanted,
    replaces: slot,
    preview: { color, revision: wanted.revision },
    atLeast,
    scale,
  }
}
