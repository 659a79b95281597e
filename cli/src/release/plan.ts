// (observed state, intent) → plan | refusal; pure. A driver carries a plan out and asks nothing more.
import {
  type Color,
  candidate,
  type EnvironmentState,
  isReady,
  liveColor,
  liveSlot,
  type Move,
  type MoveVerb,
  type NamedSlot,
  otherColor,
  rolledBackFrom,
  type ServiceState,
  type Slot,
  sameTarget,
  sideOf,
  standbyColor,
  type Target,
  targetOf,
  wasSmoked,
} from './state.ts'

export interface Refusal {
  kind: 'refusal'
  code: string
  /** What is wrong, one line. */
  message: string
  /** What to do about it, one line. */
  hint: string
}

export function refuse(code: string, message: string, hint: string): Refusal {
  return {
    kind: 'refusal',
    code,
    message,
    hint,
  }
}

/** What a service should become: made by `desire` from image, values and chart. */
export interface Wanted {
  digest: string
  version: string
  revision: string
}

export interface DeployStep {
  service: string
  /** live: serves already; ready: stands by already; upgrade: the slot, or what Helm left undone, has to be written. */
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

export interface MovePlan {
  kind: MoveVerb
  moves: Move[]
  /** The interrupted switch or rollback that this plan brings to its end. */
  finishes: string | null
  /** Lines about services of it that stay where they are. */
  stays?: string[]
}

export interface CleanupPlan {
  kind: 'cleanup'
  deletions: { service: string; slot: Slot }[]
  previews: { service: string; target: Target }[]
}

function interruptedRefusal(state: EnvironmentState): Refusal | null {
  const operation = state.records.operation
  if (!operation) return null
  return refuse(
    'interrupted-operation',
    `The ${operation.verb} ${operation.id} of ${operation.by} (${operation.at}) was interrupted.`,
    'Run `shopctl rollback`: it puts every service of it back to the slot that served before.',
  )
}

export function chosenServices(
  state: EnvironmentState,
  chosen: readonly string[] | null,
): [string, ServiceState][] {
  return Object.entries(state.services).filter(([name]) => !chosen || chosen.includes(name))
}

/** `color` is a check as much as a choice: a service where it is live is refused. */
export function planDeploy(
  state: EnvironmentState,
  intent: {
    wanted: Readonly<Record<string, Wanted>>
    color: Color | null
    /** Services whose last Helm upgrade did not come to its end. */
    unfinished: readonly string[]
  },
): DeployPlan | Refusal {
  const interrupted = interruptedRefusal(state)
  if (interrupted) return interrupted
  const steps: DeployStep[] = []
  for (const [service, wanted] of Object.entries(intent.wanted)) {
    const now = state.services[service] ?? {
      slots: { blue: null, green: null },
      stable: null,
      preview: null,
    }
    if (intent.color && liveColor(now) === intent.color) {
      const other = otherColor(intent.color)
      const isMixed = Object.keys(intent.wanted).some((name) => servesFrom(state, name, other))
      return refuse(
        'slot-is-live',
        `${service} serves from ${intent.color}; deploy writes only to the standby slot.`,
        isMixed
          ? "Leave --color out to take each service's standby: they do not all serve from the same color."
          : `Use --color ${other}, or leave --color out to take each service's standby.`,
      )
    }
    const step = deployStep(service, now, wanted, intent.color ?? standbyColor(now))
    // The slot may stand though what guards it, made last, does not.
    const undone = step.action === 'ready' && intent.unfinished.includes(service)
    steps.push(undone ? { ...step, action: 'upgrade' } : step)
  }
  return { kind: 'deploy', steps }
}

function servesFrom(state: EnvironmentState, name: string, color: Color | null): boolean {
  const service = state.services[name]
  return color !== null && service !== undefined && liveColor(service) === color
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

/**
 * The slots that a smoke test and a switch are about. Without names those deployed and not live yet; a service that is
 * named may also go forward again after a rollback.
 */
export function chooseStandby(
  state: EnvironmentState,
  chosen: readonly string[] | null,
): Chosen | Refusal {
  const slots: NamedSlot[] = []
  for (const [name, service] of chosenServices(state, chosen)) {
    const slot = candidate(service) ?? (chosen && rolledBackFrom(state, name))
    if (slot) slots.push({ name, slot })
    else if (chosen) return noCandidate(name, service)
  }
  return checked(slots)
}

interface Chosen {
  kind: 'chosen'
  slots: NamedSlot[]
}

function checked(slots: NamedSlot[]): Chosen | Refusal {
  const unready = slots.find(({ slot }) => !isReady(slot))
  if (unready) return notReady(unready.name, unready.slot)
  if (slots.length > 0) return { kind: 'chosen', slots }
  return refuse(
    'nothing-deployed',
    'No service has a newly deployed slot on standby.',
    'Run `shopctl deploy` first, or after a rollback name with --service what is to go forward again.',
  )
}

function noCandidate(name: string, service: ServiceState): Refusal {
  const color = standbyColor(service)
  const standby = service.slots[color]
  if (!standby) {
    return refuse(
      'slot-missing',
      `${name} has no ${color} slot.`,
      `Run \`shopctl deploy --service ${name}\` first.`,
    )
  }
  return refuse(
    'slot-not-new',
    `${name} ${color} (${standby.version}) is an earlier slot, not a newly deployed one.`,
    `Run \`shopctl deploy --service ${name}\` first.`,
  )
}

export function notReady(name: string, slot: Slot): Refusal {
  return refuse(
    'slot-not-ready',
    `${name} ${slot.color} is not ready: ${slot.ready} of ${slot.replicas} pods.`,
    'Wait for it, or run `shopctl deploy` again: it says what keeps the pods from becoming ready.',
  )
}

export interface SwitchIntent {
  services: readonly string[] | null
  /** Where the switch is expected to lead; null: wherever the standby is. */
  color: Color | null
  /** Waives the smoke test, never the readiness. */
  skipSmoke: boolean
}

export function planSwitch(state: EnvironmentState, intent: SwitchIntent): MovePlan | Refusal {
  const interrupted = interruptedRefusal(state)
  if (interrupted) return interrupted
  const already = intent.services?.find((name) => servesFrom(state, name, intent.color))
  if (already) {
    return refuse(
      'slot-is-live',
      `${already} serves from ${intent.color} already.`,
      'Leave --color out to switch to the standby.',
    )
  }
  const found = chooseStandby(state, intent.services)
  if (found.kind === 'refusal') return found
  const { slots } = found
  const elsewhere = slots.find(({ slot }) => intent.color !== null && slot.color !== intent.color)
  if (elsewhere) return otherSlot(elsewhere)
  if (!intent.skipSmoke && !wasSmoked(state, slots)) return notSmoked(state, slots)
  const moves = slots.map(({ name, slot }) => {
    const live = state.services[name] && liveSlot(state.services[name])
    return { name, from: live ? sideOf(live) : null, to: sideOf(slot) }
  })
  return { kind: 'switch', moves, finishes: null }
}

function otherSlot({ name, slot }: NamedSlot): Refusal {
  return refuse(
    'slot-is-live',
    `${name} has its standby on ${slot.color}, not on ${otherColor(slot.color)}.`,
    `Use --color ${slot.color}, or leave --color out.`,
  )
}

function notSmoked(state: EnvironmentState, slots: readonly NamedSlot[]): Refusal {
  const names = slots.map(({ name }) => name)
  const only = names.length === Object.keys(state.services).length ? '' : ` --service ${names}`
  return refuse(
    'not-smoked',
    `The smoke test has not passed for exactly what would serve: ${names.join(', ')} new, the others as they are.`,
    `Run \`shopctl smoke${only}\`, or \`shopctl switch --skip-smoke --reason "…"\`.`,
  )
}

export function planCleanup(
  state: EnvironmentState,
  intent: { services: readonly string[] | null },
): CleanupPlan | Refusal {
  const interrupted = interruptedRefusal(state)
  if (interrupted) return interrupted
  const plan: CleanupPlan = { kind: 'cleanup', deletions: [], previews: [] }
  for (const [service, now] of chosenServices(state, intent.services)) {
    const live = liveSlot(now)
    // Without a live slot what stands there is the first deploy: not a remainder.
    if (!live) continue
    const slot = now.slots[otherColor(live.color)]
    if (slot && !isReady(live)) {
      return refuse(
        'live-not-ready',
        `${service} serves from ${live.color}, which is not ready: ${live.ready} of ${live.replicas} pods; ${slot.color} may be its way back.`,
        `Wait until it is ready or run \`shopctl rollback\`, then clean up.`,
      )
    }
    if (slot) plan.deletions.push({ service, slot })
    if (!sameTarget(now.preview?.target, live)) {
      plan.previews.push({ service, target: targetOf(live) })
    }
  }
  return plan
}
