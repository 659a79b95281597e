// Plans a rollback: of the last switch, to a named release, or of an interrupted move; pure.
import { doneMoves, lastMoveOf, type MoveOperation, moveOf, openMove } from '../record.ts'
import { isRefusal, noLogin, notReady, type Refusal, refuse } from '../refusal.ts'
import { isReady, type Move, type Side, type Slot, sameTarget, sideOf, slotName } from '../slot.ts'
import { chosenServices, type EnvironmentState, liveSlot, type ServiceState } from '../state.ts'
import type { NoLogin } from './logins.ts'
import type { MovePlan } from './plan-switch.ts'

export interface RollbackIntent {
  services: readonly string[] | null
  /** Release id. null: the slots that were live before the last switch. */
  to: string | null
}

export interface RollbackPlan extends MovePlan {
  kind: 'rollback'
  /** With `to`: services whose slot of that release has to be deployed again first. */
  again: { name: string; side: Side }[]
}

/**
 * Reverses the last switch. With `to`: goes back to the slots that were live after that release, or deploys them again if
 * these slots cannot be used any more, or are among `unfinished`: `order-green`, whose last write was killed.
 */
export function planRollback(
  state: EnvironmentState,
  intent: RollbackIntent,
  problems: NoLogin = {},
  unfinished: readonly string[] = [],
): RollbackPlan | Refusal {
  const interrupted = openMove(state.journal)
  if (interrupted) return finishInterrupted(state, interrupted, intent.services, problems)
  const targets = intent.to
    ? targetsAfter(state, intent.to, intent.services, unfinished)
    : targetsBefore(state, intent.services)
  if (isRefusal(targets)) return targets
  const moves: Move[] = []
  const again: RollbackPlan['again'] = []
  for (const target of targets.services) {
    const { name, side } = target
    const service = state.services[name]
    const step = service && stepTo(service, { name, goal: side, target }, problems)
    if (!step) continue
    if (!isRefusal(step)) moves.push(step)
    else if (intent.to !== null && isLost(step)) again.push({ name, side })
    else return step
  }
  if (moves.length + again.length === 0) {
    return refuse(
      'nothing-to-roll-back',
      intent.to
        ? `${intent.to} is live already.`
        : 'The slots that were live before the last switch are live already.',
      'Run `shopctl status` to see the live slots.',
    )
  }
  return { kind: 'rollback', moves, again }
}

interface Step {
  name: string
  /** null: nothing is to be live. */
  goal: Side | null
  /** The same, for `checkTarget`. */
  target: RollbackTarget | null
}

/** null: the goal is live already. */
function stepTo(
  service: ServiceState,
  { name, goal, target }: Step,
  problems: NoLogin,
): Move | Refusal | null {
  const live = liveSlot(service)
  if (sameTarget(live, goal)) return null
  const refusal = target && checkTarget(target, service, problems)
  return refusal ?? { name, from: live ? sideOf(live) : null, to: goal }
}

/** Waiting does not help such a slot. */
function isLost({ code }: Refusal): boolean {
  return code === 'slot-gone' || code === 'no-login'
}

function finishInterrupted(
  state: EnvironmentState,
  operation: MoveOperation,
  chosen: readonly string[] | null,
  problems: NoLogin,
): RollbackPlan | Refusal {
  const names = operation.services.map(({ name }) => name)
  if (chosen && !names.every((name) => chosen.includes(name))) {
    return refuse(
      'interrupted-operation',
      `The ${operation.verb} ${operation.release} was interrupted and concerns ${names.join(', ')}.`,
      'Run `shopctl rollback` without --service: it completes all of them.',
    )
  }
  const moves: Move[] = []
  const stays: string[] = []
  for (const { name, from, to } of operation.services) {
    const service = state.services[name]
    if (!service) continue
    // An interrupted switch is undone, an interrupted rollback completed.
    const goal = operation.verb === 'rollback' ? to : from
    const target = goal && { name, side: goal, back: operation.release, names: [name] }
    const step = stepTo(service, { name, goal, target }, problems)
    if (!step) continue
    if (!isRefusal(step)) moves.push(step)
    // A refusal would block the environment: nothing else is allowed while the operation is open.
    else if (isLost(step)) stays.push(`${name} ${nowOf(service)}. ${step.message}`)
    else return step
  }
  return { kind: 'rollback', moves, again: [], ...(stays.length > 0 && { stays }) }
}

function nowOf(service: ServiceState): string {
  const live = liveSlot(service)
  return live ? `stays live on ${live.color} (${live.version})` : 'has no live slot'
}

const forwardHint =
  'To go forward again, run `shopctl hold release`, then `shopctl switch --service …`. `shopctl rollback --to <release>` goes to any release.'

interface RollbackTarget {
  name: string
  side: Side
  /** A release after which this slot was live. */
  back: string
  /** The services that go back together. */
  names: readonly string[]
  /** false: its last write was killed, and more than its Deployment may be missing. Left out: nobody asked. */
  isWhole?: boolean
}

function targetsBefore(
  state: EnvironmentState,
  chosen: readonly string[] | null,
): { services: RollbackTarget[] } | Refusal {
  const done = doneMoves(state.journal)
  const lastOf = (name: string) => lastMoveOf(state.journal, name)
  const lastSwitch = done.findLast(({ verb }) => verb === 'switch')
  const names =
    chosen ??
    lastSwitch?.services.map(({ name }) => name).filter((name) => lastOf(name) === lastSwitch) ??
    []
  if (names.length === 0) {
    return lastSwitch
      ? refuse(
          'already-rolled-back',
          `${lastSwitch.release} has already been rolled back.`,
          forwardHint,
        )
      : refuse(
          'nothing-to-roll-back',
          'There is nothing to roll back to: there was no switch yet.',
          'Run `shopctl status` to see the live slots.',
        )
  }
  const services: RollbackTarget[] = []
  for (const name of names) {
    const last = lastOf(name)
    const move = last && moveOf(last, name)
    if (last?.verb === 'rollback') {
      return refuse(
        'already-rolled-back',
        `${name} has already been rolled back, by ${last.release}.`,
        forwardHint,
      )
    }
    if (!last || !move?.from) {
      const which = last ? ` ${last.release}` : ''
      return refuse(
        'nothing-to-roll-back',
        `There is nothing to roll back to: ${name} had no live slot before${which}.`,
        'Fix the service and run `shopctl release`.',
      )
    }
    const before = done[done.indexOf(last) - 1] ?? last
    services.push({ name, side: move.from, back: before.release, names })
  }
  return { services }
}

function targetsAfter(
  state: EnvironmentState,
  id: string,
  chosen: readonly string[] | null,
  unfinished: readonly string[],
): { services: RollbackTarget[] } | Refusal {
  const done = doneMoves(state.journal)
  const index = done.findIndex((move) => move.release === id)
  if (index < 0) {
    const known = done.map(({ release }) => release).slice(-5)
    return refuse(
      'unknown-release',
      `There is no release ${id} to go back to.`,
      known.length > 0
        ? `Run \`shopctl history\` to see them. The latest are ${known.join(', ')}.`
        : 'There was no switch yet. Run `shopctl release`.',
    )
  }
  const services: RollbackTarget[] = []
  for (const [name] of chosenServices(state, chosen)) {
    const side = done
      .slice(0, index + 1)
      .flatMap((operation) => moveOf(operation, name) ?? [])
      .at(-1)?.to
    if (!side) continue
    const isWhole = !unfinished.includes(slotName(name, side.color))
    services.push({ name, side, back: id, names: [name], isWhole })
  }
  return { services }
}

function whyGone(slot: Slot | null, { revision, digest }: Side): string | null {
  if (!slot) return 'it was cleaned up'
  if (slot.revision !== revision) return `${slot.version} was deployed over it`
  return slot.digest === digest ? null : 'somebody has changed its image'
}

function checkTarget(
  { name, side, back, names, isWhole = true }: RollbackTarget,
  service: ServiceState,
  problems: NoLogin,
): Refusal | null {
  const way = `\`shopctl rollback --to ${back} --service ${names.join(',')}\``
  const slot = service.slots[side.color]
  const why = whyGone(slot, side) ?? (isWhole ? null : 'it was not written completely')
  if (!slot || why !== null) {
    return refuse(
      'slot-gone',
      `${name} ${side.color} with ${side.version} no longer exists: ${why}.`,
      `Run ${way}: it deploys that release again.`,
    )
  }
  const problem = problems[slotName(name, side.color)]
  if (problem !== undefined) {
    const isLive = liveSlot(service)?.digest === side.digest
    const hint = isLive
      ? 'Its image is live already, with the present Secret. To change a setting, run `shopctl release`.'
      : `Run ${way}: it deploys the image again, with the present Secret.`
    return noLogin(name, side.color, problem, hint)
  }
  return isReady(slot) ? null : notReady(name, slot)
}
