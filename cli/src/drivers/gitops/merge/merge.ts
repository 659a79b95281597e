// What a merge in the config repo would do; pure. Git alone says what is live: no cluster is asked.
import { ShopctlError } from '../../../errors.ts'
import type { Change, Merge, ServiceMove, SlotChange } from '../../../release/ports/merge.ts'
import { type Color, colors, sameTarget } from '../../../release/slot.ts'
import { argocdFile, chartFile, servicesFolder, slotFolder, valuesFile } from '../layout.ts'
import type { SlotEntry } from '../read.ts'
import { refusalsOf } from './rules.ts'
import {
  type ChangedSlot,
  changedPaths,
  differences,
  entryOf,
  type MergeInput,
  type Pointers,
  pointersOf,
  slotIn,
  valuesIn,
} from './sides.ts'

export function mergeOf(input: MergeInput): Merge {
  const pointers = pointersOf(input)
  const slots = changedSlots(input, pointers)
  const moves = movesOf(pointers)
  return {
    slots: slots.map(({ changes }) => changes).filter(isShown),
    moves,
    refusals: refusalsOf(input, { slots, moves, pointers }),
    notes: notesOf(input, pointers, moves),
  }
}

function changedSlots(input: MergeInput, { before, after }: Pointers): ChangedSlot[] {
  const changed = changedPaths(input)
  const { env } = input.to.tree
  const isLive = (entries: Pointers['before'], service: string, color: Color): boolean =>
    !(entries instanceof ShopctlError) && entries[service]?.stable?.color === color
  return input.services.flatMap((service) =>
    colors.flatMap((color): ChangedSlot[] => {
      const folder = slotFolder(env, service, color)
      if (!changed.some((path) => path.startsWith(`${folder}/`))) return []
      const live = {
        before: isLive(before, service, color),
        after: isLive(after, service, color),
      }
      const states = {
        before: slotIn(input.from, service, color),
        after: slotIn(input.to, service, color),
      }
      const slot = { service, color, live: live.before || live.after }
      const changes = slotChange(slot, states)
      changes.values.push(...outside(input, folder, states))
      return [{ ...states, live, changes }]
    }),
  )
}

function slotChange(
  slot: Pick<SlotChange, 'service' | 'color' | 'live'>,
  { before, after }: Pick<ChangedSlot, 'before' | 'after'>,
): SlotChange {
  const [was, will] = [entryOf(before), entryOf(after)]
  const change = (read: (entry: SlotEntry) => string | null): Change | null => {
    const [from, to] = [was && read(was), will && read(will)]
    return from === to ? null : { from, to }
  }
  const paths = was && will ? differences(was.values, will.values) : []
  const isConfig = (path: string): boolean => path.startsWith('config.')
  return {
    ...slot,
    action: actionOf(was, will),
    version: change(({ version }) => version),
    image: change(({ digest }) => digest),
    revision: change(({ revision }) => revision),
    chart: change(({ chart: { name, version, hash } }) => `${name} ${version} ${hash}`),
    replicas: change(({ values: { replicas } }) => (replicas === undefined ? null : `${replicas}`)),
    config: paths.filter(isConfig).map((path) => path.replace('config.', '')),
    values: paths.filter((path) => !isConfig(path) && !shownApart.has(path)),
  }
}

/** What helm reads besides the values of the chart: `tags` and `global`. */
function outside(
  { from, to }: MergeInput,
  folder: string,
  { before, after }: Pick<ChangedSlot, 'before' | 'after'>,
): string[] {
  const [was, will] = [entryOf(before), entryOf(after)]
  if (!was || !will) return []
  const { [was.chart.name]: _, ...earlier } = valuesIn(from, folder)
  const { [will.chart.name]: __, ...later } = valuesIn(to, folder)
  return differences(earlier, later)
}

const shownApart = new Set(['shopctl.image', 'shopctl.version', 'shopctl.revision', 'replicas'])

function actionOf(was: SlotEntry | null, will: SlotEntry | null): SlotChange['action'] {
  if (was === null) return 'added'
  return will === null ? 'removed' : 'changed'
}

/** A comment or a mark is no change of a slot. */
function isShown({ config, values, version, image, revision, chart, replicas }: SlotChange) {
  const named = [version, image, revision, chart, replicas].some((each) => each !== null)
  return named || config.length + values.length > 0
}

function movesOf({ before, after }: Pointers): ServiceMove[] {
  if (before instanceof ShopctlError || after instanceof ShopctlError) return []
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  return names.flatMap((service) =>
    (['stable', 'preview'] as const).flatMap((which): ServiceMove[] => {
      const from = before[service]?.[which] ?? null
      const to = after[service]?.[which] ?? null
      if (sameTarget(from, to)) return []
      const release = which === 'stable' ? (after[service]?.stable?.release ?? null) : null
      return [{ service, which, from: targetOf(from), to: targetOf(to), release }]
    }),
  )
}

function targetOf(target: ServiceMove['from']): ServiceMove['from'] {
  return target && { color: target.color, revision: target.revision }
}

function notesOf(input: MergeInput, { before }: Pointers, moves: readonly ServiceMove[]): string[] {
  const { from, to, charts } = input
  const file = argocdFile(to.tree.env)
  const odd = [...charts].flatMap(([path, content]) => (content === null ? [path] : []))
  return [
    ...(before instanceof ShopctlError ? [`What is live cannot be read: ${before.message}`] : []),
    ...(from.hashes.get(file) === to.hashes.get(file)
      ? []
      : [`${file} changes. Argo CD does not follow it: an administrator applies it.`]),
    ...(before instanceof ShopctlError ? [] : leftBehind(before, moves)),
    ...servicesNotes(input),
    ...odd.map((path) => `The chart of ${path} is not checked: this file is no text.`),
  ]
}

/** What changes all Services, or more than the selectors of one. */
function servicesNotes({ from, to }: MergeInput): string[] {
  const folder = servicesFolder(to.tree.env)
  const [before, after] = [from, to].map((side) => valuesIn(side, folder))
  const paths = differences(before ?? {}, after ?? {})
  const others = paths.filter((path) => !path.startsWith('global.selectors.'))
  const file = chartFile(folder)
  return [
    ...(others.length > 0 && from.tree.texts.has(valuesFile(folder))
      ? [`Besides the selectors, the values of the Services change: ${others.join(', ')}.`]
      : []),
    ...(from.tree.texts.has(file) && from.tree.texts.get(file) !== to.tree.texts.get(file)
      ? ['The chart of the Services changes: that is for all of them, live or not.']
      : []),
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
