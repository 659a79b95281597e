// Plans a rollback: of the last switch, to a named release, or of an interrupted move; pure.
import { doneMoves, type MoveOperation, moveOf, openMove } from '../record.ts'
import { isRefusal, notReady, type Refusal, refuse } from '../refusal.ts'
import { isReady, type Move, type Side, sameTarget, sideOf } from '../slot.ts'
import { chosenServices, type EnvironmentState, liveSlot, type ServiceState } from '../state.ts'
import type { MovePlan } from './plan-switch.ts'

export interface RollbackIntent {
  services: readonly string[] | null
  /** Release id. null: the slots that were live before the last switch. */
  to: string | null
}

/** Reverses the last switch. With `to`: goes back to the slots that were live after that release. */
export function planRollback(state: EnvironmentState, intent: RollbackIntent): MovePlan | Refusal {
  const interrupted = openMove(state.journal)
  if (interrupted) return finishInterrupted(state, interrupted, intent.services)
  const targets = intent.to
    ? targetsAfter(state, intent.to, intent.services)
    : targetsBefore(state, intent.services)
  if (isRefusal(targets)) return targets
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
      intent.to
        ? `${intent.to} is live already.`
        : 'The slots that were live before the last switch are live already.',
      'Run `shopctl status` to see the live slots.',
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
    const live = liveSlot(service)
    if (sameTarget(live, goal)) continue
    if (goal && isGone(service, goal)) {
      // A refusal would block the environment: nothing else is allowed while the operation is open.
      const now = live ? `stays live on ${live.color} (${live.version})` : 'has no live slot'
      stays.push(`${name} ${now}: ${goal.color} with ${goal.version} no longer exists`)
      continue
    }
    const refusal = goal && checkTarget(name, service, goal, operation.release)
    if (refusal) return refusal
    moves.push({ name, from: live ? sideOf(live) : null, to: goal })
  }
  return { kind: 'rollback', moves, ...(stays.length > 0 && { stays }) }
}

const forwardHint =
  'Run `shopctl switch --service …` to go forward again, or `shopctl rollback --to <release>` to go to an earlier release.'

interface RollbackTarget {
  name: string
  side: Side
  /** The release that made this slot live, if the journal still has it. */
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
      return refuse(
        'nothing-to-roll-back',
        `There is nothing to roll back to: ${name} had no live slot before${last ? ` ${last.release}` : ''}.`,
        'Fix the service and run `shopctl release`.',
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
      `${name} ${side.color} with ${side.version} no longer exists: ${slot ? `${slot.version} was deployed over it` : 'it was cleaned up'}.`,
      `\`shopctl rollback --to ${release}\` needs this slot: ${releaseAgain(side.version)}.`,
    )
  }
  return isReady(slot) ? null : notReady(name, slot)
}

/** A version with a hash after the commit was built from uncommitted files. */
function releaseAgain(version: string): string {
  return /^[0-9a-f]{8}$/.test(version)
    ? `check out ${version} and run \`shopctl release\``
    : 'run `shopctl release` in the work tree it was built from'
}
