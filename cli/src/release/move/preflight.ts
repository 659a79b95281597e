// All checks of a switch: what was read becomes one list of answers, and the plan. Pure.
import type { Check } from '../../errors.ts'
import { passed, refusalsOf, refusedBy, skipped, unknown, warned } from '../checks.ts'
import { type FreezeIntent, freezeCheck } from '../freeze.ts'
import { idOf, openMove } from '../record.ts'
import { interruptedRefusal, isRefusal, type Refusal } from '../refusal.ts'
import type { NamedSlot } from '../slot.ts'
import { deployOf, liveSlotOf } from '../state.ts'
import type { AlertIntent } from './alerts.ts'
import { alertsCheck, brokerCheck, liveCheck, queuesCheck } from './around.ts'
import { type EventRow, eventMatrix, eventsCheck } from './event-matrix.ts'
import type { Facts } from './facts.ts'
import { judgeLogins, refuseLogins } from './logins.ts'
import {
  type MovePlan,
  type SwitchIntent,
  slotRefusals,
  switchTarget,
  switchTo,
} from './plan-switch.ts'

export interface Preflight {
  checks: Check[]
  /** Who reads whose events. Empty: no image says it. */
  events: EventRow[]
  /** null: a check refuses the switch. */
  plan: MovePlan | null
}

export type PreflightIntent = SwitchIntent & AlertIntent & Pick<FreezeIntent, 'overrideFreeze'>

/** Every check is made, whatever the others say. The first that refuses is the error of the command. */
export function preflight(facts: Facts, intent: PreflightIntent): Preflight {
  const { state } = facts
  const target = switchTarget(state, intent)
  const slots = isRefusal(target) ? [] : target.slots
  const checks = [
    // Whether anything may be switched at all.
    freezeCheck(facts.freeze, intent),
    lockCheck(facts),
    interruptedCheck(facts),
    // Whether these slots may go live.
    ...(isRefusal(target)
      ? [refusedBy('standby', target), ...unchosen]
      : slotChecks(facts, intent, slots)),
    brokerCheck(facts),
    queuesCheck(facts, slots),
    alertsCheck(facts, intent),
    liveCheck(facts),
  ]
  const isRefused = refusalsOf(checks).length > 0
  return {
    checks,
    events: eventMatrix(facts.parties),
    plan: isRefused ? null : switchTo(state, slots),
  }
}

const ofSlots = ['hold', 'ready', 'pods', 'smoke', 'logins', 'events', 'migrations'] as const

/** The answers where there is no slot to look at. */
const unchosen = ofSlots.map((name) => unknown(name, 'there is no slot to look at'))

function slotChecks(facts: Facts, intent: PreflightIntent, slots: readonly NamedSlot[]): Check[] {
  const { state, parties } = facts
  const refusals = slotRefusals(state, slots, intent)
  const or = (name: 'hold' | 'ready' | 'pods' | 'smoke', text: string): Check =>
    answer(name, refusals[name], text)
  const pods = slots.map(({ name, slot }) => `${name} ${slot.ready} of ${slot.replicas}`)
  return [
    standbyCheck(facts, slots),
    or('hold', 'no rollback has left these images'),
    or('ready', `pods that are ready: ${pods.join(', ')}`),
    or('pods', 'no slot has fewer pods than the live one'),
    intent.skipSmoke
      ? skipped('smoke', 'left out by --skip-smoke')
      : or('smoke', 'passed for exactly what would be live'),
    loginsCheck(facts, slots),
    eventsCheck(parties),
    migrationsCheck(facts, slots),
  ]
}

function answer(name: string, refusal: Refusal | null, text: string): Check {
  return refusal ? refusedBy(name, refusal) : passed(name, text)
}

function lockCheck({ held }: Facts): Check {
  return answer('lock', held, 'no other command holds it')
}

function interruptedCheck({ state, held }: Facts): Check {
  const name = 'interrupted'
  const open = openMove(state.journal)
  if (open && held) return unknown(name, `${open.verb} ${idOf(open)} is under way`)
  return answer(name, interruptedRefusal(state), 'no switch or rollback was interrupted')
}

/** Somebody may have changed the image since. Where that is meant, the smoke test was of this one. */
function standbyCheck({ state }: Facts, slots: readonly NamedSlot[]): Check {
  const name = 'standby'
  const other = slots.find(({ name, slot }) => {
    const to = deployOf(state.journal, name, slot)?.services.find((each) => each.name === name)?.to
    return to && to.digest !== slot.digest
  })
  const text = slots.map(({ name, slot }) => `${name} ${slot.color} ${slot.version}`).join(', ')
  if (!other) return passed(name, text)
  const { slot } = other
  return warned(
    name,
    `${other.name} ${slot.color} runs another image than the one that was deployed: ${slot.digest}`,
    `Somebody has changed it. \`shopctl deploy --service ${other.name}\` deploys it again.`,
  )
}

function loginsCheck({ state, asked }: Facts, slots: readonly NamedSlot[]): Check {
  const name = 'logins'
  const { moves } = switchTo(state, slots)
  const isAsked = moves.some((move) => asked[move.name]?.to)
  if (!isAsked) return skipped(name, 'no pod of these services reports them')
  const { blocked, notes } = judgeLogins(moves, asked)
  const refusal = refuseLogins(moves, blocked)
  if (refusal) return refusedBy(name, refusal)
  return notes.length > 0
    ? warned(name, notes.join('; '))
    : passed(name, 'the new pods can log in to what they need')
}

/** Deploy refuses a migration that does more than add, before it writes the slot. */
function migrationsCheck({ state }: Facts, slots: readonly NamedSlot[]): Check {
  const name = 'migrations'
  const added = slots.filter(
    ({ name, slot }) =>
      slot.migrations !== null && slot.migrations !== liveSlotOf(state, name)?.migrations,
  )
  if (added.length === 0) return skipped(name, 'there are none that the live slots do not have')
  const deploys = added.map((each) => deployOf(state.journal, each.name, each.slot))
  const without = added.filter((_, index) => !deploys[index])
  if (without.length > 0) {
    const names = without.map(({ name, slot }) => `${name} ${slot.color}`).join(', ')
    return unknown(name, `the journal has no deploy of ${names}, which would have checked them`)
  }
  const ids = new Set(deploys.flatMap((deploy) => (deploy ? [idOf(deploy)] : [])))
  return passed(name, `they only add: checked by deploy ${[...ids].join(', ')}`)
}
