// Chooses the slots for a smoke test or switch, and plans a switch; pure.
import { checkCapacity } from '../capacity.ts'
import { heldAmong, holdRefusal } from '../hold/held.ts'
import { doneMoves, moveOf } from '../record.ts'
import { interruptedRefusal, isRefusal, notReady, type Refusal, refuse } from '../refusal.ts'
import {
  type Color,
  isReady,
  type Move,
  type MoveVerb,
  type NamedSlot,
  otherColor,
  sameTarget,
  sideOf,
} from '../slot.ts'
import { wasLive, wayBackOf } from '../standby.ts'
import {
  candidate,
  chosenServices,
  type EnvironmentState,
  liveSlotOf,
  rolledBackFrom,
  type ServiceState,
  servesFrom,
  standbyColor,
  wasSmoked,
} from '../state.ts'

export interface MovePlan {
  kind: MoveVerb
  moves: Move[]
  /** Warnings about services that are not moved. */
  stays?: string[]
}

interface Chosen {
  kind: 'chosen'
  slots: NamedSlot[]
}

/**
 * The slots for a smoke test or switch. Without names: the newly deployed slots that are not live yet. A named service
 * may also go forward again after a rollback.
 */
export function chooseStandby(
  state: EnvironmentState,
  chosen: readonly string[] | null,
): Chosen | Refusal {
  const found = findStandby(state, chosen)
  if (isRefusal(found)) return found
  return refuseUnready(found.slots) ?? found
}

/** The same slots, ready or not. */
function findStandby(state: EnvironmentState, chosen: readonly string[] | null): Chosen | Refusal {
  const slots: NamedSlot[] = []
  for (const [name, service] of chosenServices(state, chosen)) {
    const slot = candidate(service) ?? (chosen && rolledBackFrom(state, name))
    if (slot) slots.push({ name, slot })
    else if (chosen) return noCandidate(state, name, service)
  }
  if (slots.length > 0) return { kind: 'chosen', slots }
  return refuse(
    'nothing-deployed',
    'No service has a newly deployed slot on standby.',
    'Run `shopctl deploy` first. To go forward again after a rollback, run `shopctl hold release`, then name the services with --service.',
  )
}

function refuseUnready(slots: readonly NamedSlot[]): Refusal | null {
  const unready = slots.find(({ slot }) => !isReady(slot))
  return unready ? notReady(unready.name, unready.slot) : null
}

function noCandidate(state: EnvironmentState, name: string, service: ServiceState): Refusal {
  const color = standbyColor(service)
  const standby = service.slots[color]
  const deploy = `shopctl deploy --service ${name}`
  if (!standby)
    return refuse('slot-missing', `${name} has no ${color} slot.`, `Run \`${deploy}\` first.`)
  const what = `${name} ${color} (${standby.version})`
  const live = liveText(state, name)
  if (wayBackOf(state, name)?.side.color === color) {
    return refuse(
      'slot-not-new',
      `${live}${what} is the slot before it.`,
      `\`shopctl rollback --service ${name}\` goes back to it. For a new slot, run \`${deploy}\` first.`,
    )
  }
  if (wasLive(state.journal, name, standby)) {
    const message = `${live}${what} is an earlier slot, not a newly deployed one.`
    return refuse('slot-not-new', message, `Run \`${deploy}\` first.`)
  }
  // cleanup moves the preview Service first, and a deploy of what is live moves it too.
  return refuse(
    'slot-not-new',
    `${live}${what} cannot go live: the preview Service does not select it.`,
    `Run \`${deploy}\` first, or \`shopctl cleanup --service ${name}\` to delete it.`,
  )
}

/** `order green (6c9086eb) is live since r-2. ` */
function liveText(state: EnvironmentState, name: string): string {
  const live = liveSlotOf(state, name)
  if (!live) return ''
  const move = doneMoves(state.journal).findLast((each) => sameTarget(moveOf(each, name)?.to, live))
  const since = move ? ` since ${move.release}` : ''
  return `${name} ${live.color} (${live.version}) is live${since}. `
}

export interface SwitchIntent {
  services: readonly string[] | null
  /** The expected color of the new slots. null: any. */
  color: Color | null
  /** Skips the check that the smoke test has passed. Slots must be ready in any case. */
  skipSmoke: boolean
}

export function planSwitch(state: EnvironmentState, intent: SwitchIntent): MovePlan | Refusal {
  const interrupted = interruptedRefusal(state)
  if (interrupted) return interrupted
  const target = switchTarget(state, intent)
  if (isRefusal(target)) return target
  const refusals = slotRefusals(state, target.slots, intent)
  const { hold, ready, pods, smoke } = refusals
  return hold ?? ready ?? pods ?? smoke ?? switchTo(state, target.slots)
}

/** The slots that this switch makes live, whatever else may be wrong with them. */
export function switchTarget(
  state: EnvironmentState,
  { services, color }: Pick<SwitchIntent, 'services' | 'color'>,
): Chosen | Refusal {
  const already = services?.find((name) => servesFrom(state, name, color))
  if (already) {
    return refuse(
      'slot-is-live',
      `${already} is live on ${color} already.`,
      'Leave out --color to switch to the standby.',
    )
  }
  const found = findStandby(state, services)
  if (isRefusal(found)) return found
  const elsewhere = found.slots.find(({ slot }) => color !== null && slot.color !== color)
  return elsewhere ? otherSlot(elsewhere) : found
}

/** Why these slots cannot go live, by what was looked at. null: nothing is wrong. */
export function slotRefusals(
  state: EnvironmentState,
  slots: readonly NamedSlot[],
  { skipSmoke }: Pick<SwitchIntent, 'skipSmoke'>,
): Record<'hold' | 'ready' | 'pods' | 'smoke', Refusal | null> {
  return {
    hold: holdRefusal(heldAmong(state.journal, slots)),
    ready: refuseUnready(slots),
    pods: checkCapacity(state, slots),
    smoke: skipSmoke || wasSmoked(state, slots) ? null : notSmoked(state, slots),
  }
}

export function switchTo(state: EnvironmentState, slots: readonly NamedSlot[]): MovePlan {
  const moves = slots.map(({ name, slot }) => {
    const live = liveSlotOf(state, name)
    return { name, from: live ? sideOf(live) : null, to: sideOf(slot) }
  })
  return { kind: 'switch', moves }
}

function otherSlot({ name, slot }: NamedSlot): Refusal {
  return refuse(
    'slot-is-live',
    `The standby of ${name} is ${slot.color}, not ${otherColor(slot.color)}.`,
    `Use --color ${slot.color}, or leave out --color.`,
  )
}

function notSmoked(state: EnvironmentState, slots: readonly NamedSlot[]): Refusal {
  const names = slots.map(({ name }) => name)
  const only = names.length === Object.keys(state.services).length ? '' : ` --service ${names}`
  return refuse(
    'not-smoked',
    `No smoke test has passed for the slots that would be live: ${names.join(', ')} new, the other services as they are.`,
    `Run \`shopctl smoke${only}\`, or \`shopctl switch --skip-smoke --reason "…"\`.`,
  )
}
