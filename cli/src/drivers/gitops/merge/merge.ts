// What a merge in the config repo would do; pure. Git alone says what is live: no cluster is asked.
import { ShopctlError } from '../../../errors.ts'
import type { Merge, ServiceMove } from '../../../release/ports/merge.ts'
import { argocdFile } from '../layout.ts'
import { type Changed, changedIn, isShown } from './changed.ts'
import { refusalsOf } from './rules.ts'
import type { MergeInput, Pointers } from './sides.ts'

export function mergeOf(input: MergeInput): Merge {
  const changed = changedIn(input)
  return {
    slots: changed.slots.map(({ changes }) => changes).filter(isShown),
    moves: changed.moves,
    refusals: refusalsOf(input, changed),
    notes: notesOf(input, changed),
  }
}

function notesOf(input: MergeInput, { pointers, moves, shared }: Changed): string[] {
  const { before } = pointers
  const { from, to, charts } = input
  const file = argocdFile(to.tree.env)
  const odd = [...charts].flatMap(([path, content]) => (content === null ? [path] : []))
  return [
    ...(before instanceof ShopctlError ? [`What is live cannot be read: ${before.message}`] : []),
    ...(from.hashes.get(file) === to.hashes.get(file)
      ? []
      : [`${file} changes. Argo CD does not follow it: an administrator applies it.`]),
    ...(before instanceof ShopctlError ? [] : leftBehind(before, moves)),
    ...sharedNotes(shared),
    ...odd.map((path) => `The chart of ${path} is not checked: this file is no text.`),
  ]
}

/** What changes all Services, or more than the selectors of one. */
function sharedNotes({ values, chart }: Changed['shared']): string[] {
  return [
    ...(values.length > 0
      ? [`Besides the selectors, the values of the Services change: ${values.join(', ')}.`]
      : []),
    ...(chart ? ['The chart of the Services changes: that is for all of them, live or not.'] : []),
  ]
}

/** Services that went live together, and would be parted. */
function leftBehind(
  before: Exclude<Pointers['before'], ShopctlError>,
  moves: readonly ServiceMove[],
): string[] {
  const moved = moves.filter(({ which }) => which === 'stable').map(({ service }) => service)
  const releaseOf = (service: string): string | null => before[service]?.stable?.release ?? null
  const releases = [...new Set(moved.flatMap((service) => releaseOf(service) ?? []))]
  return releases.flatMap((release) => {
    const together = Object.keys(before).filter((service) => releaseOf(service) === release)
    const stay = together.filter((service) => !moved.includes(service)).join(', ')
    const gone = together.filter((service) => moved.includes(service)).join(', ')
    return stay === '' ? [] : [`${gone} went live in ${release} together with ${stay}.`]
  })
}
