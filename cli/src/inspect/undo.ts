// How to undo an operation, as things are now; pure. What a rollback would do, its own plan says.
import { planRollback, type RollbackIntent } from '../release/move/plan-rollback.ts'
import {
  doneMoves,
  idOf,
  isMove,
  isMoveVerb,
  type MoveOperation,
  moveOf,
  type Operation,
  openMove,
} from '../release/record.ts'
import { isRefusal, type Refusal, waysOut } from '../release/refusal.ts'
import { type Move, sameTarget } from '../release/slot.ts'
import { type EnvironmentState, liveSlot, slotAt, standbyColor } from '../release/state.ts'

export interface Undo {
  /** `shopctl rollback --to r-40`. null: there is nothing to undo, or no way to do it. */
  command: string | null
  /** Sentences: what the command does besides, or why there is none. */
  note: string | null
}

/** Its command is for the environment `env`. */
export function undoOf(state: EnvironmentState, operation: Operation, env: string): Undo {
  const place = env === 'local' ? '' : ` --env ${env}`
  const command = (words: string): string => `shopctl ${words}${place}`
  const { verb } = operation
  if (verb !== 'deploy' && !isMoveVerb(verb)) return none(harmless[verb])
  if (isMove(operation)) {
    if (operation.outcome === null) return undoOpen(operation, command('rollback'))
    if (operation.outcome !== 'done')
      return none(`There is nothing to undo: ${operation.release} is ${operation.outcome}.`)
  }
  const open = openMove(state.journal)
  if (open) {
    const ways = waysOut(open, (words) => `\`${command(words)}\``)
    return none(`First end ${open.release}: ${ways}`)
  }
  return isMove(operation)
    ? undoMove(state, operation, command)
    : undoDeploy(state, operation, command)
}

type CommandOf = (words: string) => string

const harmless = {
  smoke: 'There is nothing to undo: a smoke test changes nothing that stays.',
  cleanup:
    'There is nothing to undo: a cleanup changes nothing that is live. `shopctl deploy` makes standby slots again, and `shopctl rollback --to` those of an earlier release.',
  lock: 'It changed no slot. If the lock still stands, `shopctl unlock --reason "…"` ends it.',
  unlock: 'It changed no slot. `shopctl lock --reason "…"` locks the environment again.',
  'hold-release':
    'It changed no slot. A rollback from this image after a switch to it puts it on hold again.',
} as const

function none(note: string): Undo {
  return { command: null, note }
}

function undoOpen({ verb, release }: MoveOperation, command: string): Undo {
  if (verb === 'switch') return { command, note: null }
  return none(`A rollback is completed first: run \`${command}\`, as ${release} has not ended.`)
}

/** The slots that it made and that are still on standby can be deleted. */
function undoDeploy(state: EnvironmentState, { services }: Operation, command: CommandOf): Undo {
  const standing = services.filter(({ name, to }) => {
    const service = state.services[name]
    if (!service || !to) return false
    const color = standbyColor(service)
    return liveSlot(service) !== null && sameTarget(service.slots[color], to)
  })
  if (standing.length === 0)
    return none('There is nothing to undo: its slots are live, or not there any more.')
  const names = standing.map(({ name }) => name).join(',')
  const replaced = standing.some(({ from }) => from !== null)
  const deletes = 'It deletes the standby slots that this deploy has written.'
  return {
    command: command(`cleanup --service ${names}`),
    note: replaced ? `${deletes} Those that it replaced have to be deployed again.` : deletes,
  }
}

function undoMove(state: EnvironmentState, operation: MoveOperation, command: CommandOf): Undo {
  const { release, services } = operation
  const first = services.filter(({ from }) => from === null).map(({ name }) => name)
  const known = services.filter(({ name, from }) => from !== null && state.services[name])
  if (known.length === 0)
    return none(`There is nothing to go back to: nothing was live before ${release}.`)
  const back = known.filter(({ name, from }) => !isBack(state, name, from))
  if (back.length === 0)
    return none(`There is nothing to undo: what was live before ${release} is live now.`)
  const names = back.map(({ name }) => name)
  const found = firstWay(state, back, waysBack(state, operation, names))
  if ('refusal' in found) return none(`This cannot be undone now. ${refusalText(found.refusal)}`)
  const notes = [
    ...laterNote(state, operation, names),
    ...found.again.map((name) => `It deploys the image of ${name} again first.`),
    ...(first.length > 0
      ? [`${first.join(', ')} had no live slot before, and stays as it is.`]
      : []),
  ]
  return { command: command(wordsOf(found.way)), note: notes.join(' ') || null }
}

/** The same slot, or its image in another one: where the slot is gone, that is all that a rollback can bring back. */
function isBack({ services }: EnvironmentState, name: string, from: Move['from']): boolean {
  const service = services[name]
  const live = service && liveSlot(service)
  if (!service || !from || live?.digest !== from.digest) return false
  return sameTarget(service.stable?.target, from) || slotAt(service, from) === null
}

/** The plainest first. */
function waysBack(
  { journal }: EnvironmentState,
  operation: MoveOperation,
  names: readonly string[],
): RollbackIntent[] {
  const done = doneMoves(journal)
  const before = done[done.findIndex(({ number }) => number === operation.number) - 1]
  return [
    ...(operation.verb === 'switch' ? [null] : []),
    ...(before ? [before.release] : []),
  ].flatMap((to) => [
    { to, services: null },
    { to, services: names },
  ])
}

type Way = { way: RollbackIntent; again: string[] } | { refusal: Refusal | null }

/** The first one whose plan does this and nothing else. */
function firstWay(
  state: EnvironmentState,
  back: readonly Move[],
  ways: readonly RollbackIntent[],
): Way {
  let refusal: Refusal | null = null
  for (const way of ways) {
    const plan = planRollback(state, way)
    refusal = isRefusal(plan) ? plan : null
    if (isRefusal(plan)) continue
    const goals = [...plan.moves.map(({ name, to }) => ({ name, side: to })), ...plan.again]
    const doesAll = back.every(({ name, from }) =>
      goals.some((goal) => goal.name === name && sameSlot(goal.side, from)),
    )
    if (doesAll && goals.length === back.length)
      return { way, again: plan.again.map(({ name }) => name) }
  }
  return { refusal }
}

function sameSlot(one: Move['to'], other: Move['from']): boolean {
  return sameTarget(one, other) && one?.digest === other?.digest
}

function refusalText(refusal: Refusal | null): string {
  return refusal
    ? `${refusal.message} ${refusal.hint}`
    : `No release in the journal has exactly the slots that were live before.`
}

/** What else goes, since it came later. */
function laterNote(
  { journal }: EnvironmentState,
  { number }: MoveOperation,
  names: readonly string[],
): string[] {
  const later = doneMoves(journal).flatMap((each) => {
    const undone = names.filter((name) => moveOf(each, name))
    return each.number > number && undone.length > 0 ? [`${idOf(each)} (${undone.join(', ')})`] : []
  })
  return later.length > 0 ? [`It undoes ${later.join(', ')}, too.`] : []
}

function wordsOf({ to, services }: RollbackIntent): string {
  const target = to === null ? '' : ` --to ${to}`
  const which = services ? ` --service ${services.join(',')}` : ''
  return `rollback${target}${which}`
}
