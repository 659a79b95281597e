// Where a rollback leads: back over the last switch, to a named release, or out of an interrupted one; pure.
import { doneMoves, type MoveOperation, moveOf, openMove } from '../record.ts'
import { notReady, type Refusal, refuse } from '../refusal.ts'
import { isReady, type Move, type Side, sameTarget, sideOf } from '../slot.ts'
import { chosenServices, type EnvironmentState, liveSlot, type ServiceState } from '../state.ts'
import type { MovePlan } from './plan-switch.ts'

export interface RollbackIntent {
  services: readonly string[] | null
  /** Release id; null: what served before the last switch. */
  to: string | null
}

/** Reverses the last switch, or with `to` goes back to what served after that release. */
export function planRollback(state: EnvironmentState, intent: RollbackIntent): MovePlan | Refusal {
  const interrupted = openMove(state.journal)
  if (interrupted) return finishInterrupted(state, interrupted, intent.services)
  const targets = intent.to
    ? targetsAfter(state, intent.to, intent.services)
    : targetsBefore(state, intent.services)
  if ('kind' in targets) return targets
  const moves: Move[] = []
  for (const { name, side, release } of targets.services) {
    const service = state.services[name]
    if (!service) continue
    const live = liveSlot(service)
    if (live && sameTarget(live, side)) continue
    const refusal = checkTarget(name, service, side, release)
    if (refusal) return refusal
    moves.push({ name, from: live ? sideOf(live) : null, to: side })
  }
  if (moves.length === 0) {
    return refuse(
      'nothing-to-roll-back',
      `${intent.to ?? 'What served before the last switch'} serves already.`,
      'Nothing needs to be done.',
    )
  }
  return { kind: 'rollback', moves }
}

function finishInterrupted(
  state: EnvironmentState,
  operation: MoveOperation,
  chosen: readonly string[] | null,
): MovePlan | Refusal {
  const names = operation.services.map(({ name }) => name)
  if (chosen && !names.every((name) => chosen.includes(name))) {
    return refuse(
      'interrupted-operation',
      `The ${operation.verb} ${operation.release} was interrupted and concerns ${names.join(', ')}.`,
      'Run `shopctl rollback` without --service: it finishes all of them.',
    )
  }
  const moves: Move[] = []
  const stays: string[] = []
  for (const { name, from, to } of operation.services) {
    const service = state.services[name]
    if (!service) continue
    // A rollback never undoes itself: an interrupted one goes on to where it was going.
    const goal = operation.verb === 'rollback' ? to : from
    const live = liveSlot(service)
    if (sameTarget(live, goal)) continue
    if (goal && isGone(service, goal)) {
      // To insist on it would leave no way out: as long as the operation is open, nothing else is allowed.
      const serves = live ? `keeps serving from ${live.color} (${live.version})` : 'serves nothing'
      stays.push(`${name} ${serves}: ${goal.color} with ${goal.version} is gone`)
      continue
    }
    const refusal = goal && checkTarget(name, service, goal, operation.release)
    if (refusal) return refusal
    moves.push({ name, from: live ? sideOf(live) : null, to: goal })
  }
  return { kind: 'rollback', moves, ...(stays.length > 0 && { stays }) }
}

const forwardHint =
  '`shopctl switch --service …` goes forward again, `shopctl rollback --to <release>` to an earlier one that stands.'

interface RollbackTarget {
  name: string
  side: Side
  /** The release that brought this slot, as far as the records reach back. */
  release: string
}

function targetsBefore(
  state: EnvironmentState,
  chosen: readonly string[] | null,
): { services: RollbackTarget[] } | Refusal {
  const done = doneMoves(state.journal)
  const lastOf = (name: string): MoveOperation | undefined =>
    done.findLast((operation) => moveOf(operation, name) !== undefined)
  const lastSwitch = done.findLast(({ verb }) => verb === 'switch')
  const names =
    chosen ??
    lastSwitch?.services.map(({ name }) => name).filter((name) => lastOf(name) === lastSwitch) ??
    []
  if (names.length === 0) {
    return lastSwitch
      ? refuse('already-rolled-back', `${lastSwitch.release} was rolled back already.`, forwardHint)
      : refuse(
          'nothing-to-roll-back',
          'There is nothing to roll back to: nothing was switched yet.',
          '`shopctl status` shows what serves.',
        )
  }
  const services: RollbackTarget[] = []
  for (const name of names) {
    const last = lastOf(name)
    const move = last && moveOf(last, name)
    if (last?.verb === 'rollback') {
      return refuse(
        'already-rolled-back',
        `${name} was rolled back already, by ${last.release}.`,
        forwardHint,
      )
    }
    if (!last || !move?.from) {
      return refuse(
        'nothing-to-roll-back',
        `There is nothing to roll back to: ${name} had no slot in service before${last ? ` ${last.release}` : ''}.`,
        'Release a fixed version instead.',
      )
    }
    services.push({
      name,
      side: move.from,
      release: releaseOf(done, name, move.from) ?? last.release,
    })
  }
  return { services }
}

function releaseOf(done: MoveOperation[], name: string, side: Side): string | undefined {
  return done.findLast((operation) => sameTarget(moveOf(operation, name)?.to, side))?.release
}

function targetsAfter(
  state: EnvironmentState,
  id: string,
  chosen: readonly string[] | null,
): { services: RollbackTarget[] } | Refusal {
  const done = doneMoves(state.journal)
  const index = done.findIndex((move) => move.release === id)
  if (index < 0) {
    const known = done.map(({ release }) => release).slice(-5)
    return refuse(
      'unknown-release',
      `There is no release ${id} to go back to.`,
      known.length > 0 ? `The latest are ${known.join(', ')}.` : 'Nothing was switched yet.',
    )
  }
  const services: RollbackTarget[] = []
  for (const [name] of chosenServices(state, chosen)) {
    const side = done
      .slice(0, index + 1)
      .flatMap((operation) => moveOf(operation, name) ?? [])
      .at(-1)?.to
    if (side) services.push({ name, side, release: id })
  }
  return { services }
}

function isGone(service: ServiceState, side: Side): boolean {
  return service.slots[side.color]?.revision !== side.revision
}

function checkTarget(
  name: string,
  service: ServiceState,
  side: Side,
  release: string,
): Refusal | null {
  const slot = service.slots[side.color]
  if (!slot || isGone(service, side)) {
    return refuse(
      'slot-gone',
      `${name} ${side.color} with ${side.version} is gone: ${slot ? `${slot.version} was deployed over it` : 'it was cleaned up'}.`,
      `\`rollback --to ${release}\` needs its slot as well: ${releaseAgain(side.version)}.`,
    )
  }
  return isReady(slot) ? null : notReady(name, slot)
}

/** A version with a hash behind the commit was built from a work tree that git does not have. */
function releaseAgain(version: string): string {
  return /^[0-9a-f]{8}$/.test(version)
    ? `check out ${version} and run \`shopctl release\``
    : 'run `shopctl release` from the work tree that it was built from'
}
