// What differs between two commits of the config repo, in one environment; pure.
import { ShopctlError } from '../../../errors.ts'
import { byCodeUnits, canonical } from '../../../release/canonical.ts'
import type { Change, ServiceMove, SlotChange } from '../../../release/ports/merge.ts'
import { type Color, colors, sameTarget, targetOf } from '../../../release/slot.ts'
import { isSame } from '../edit.ts'
import { servicesFolder, slotFolder, valuesFile } from '../layout.ts'
import { dependenciesOf, type SlotEntry } from '../read.ts'
import {
  type ChangedSlot,
  type Compared,
  changedPaths,
  entryOf,
  type Pointers,
  pathsThatDiffer,
  pointersOf,
  slotIn,
  valuesIn,
} from './sides.ts'

export interface Changed {
  slots: ChangedSlot[]
  moves: ServiceMove[]
  pointers: Pointers
  shared: SharedChange
}

/** What changes of the Services, besides their selectors. */
interface SharedChange {
  /** Paths of values, such as `order.shopctl.ports.stable`. */
  values: string[]
  chart: boolean
}

export function changedIn(input: Compared): Changed {
  const pointers = pointersOf(input)
  return {
    slots: changedSlots(input, pointers),
    moves: movesOf(pointers),
    pointers,
    shared: sharedChange(input, pointers),
  }
}

function changedSlots(input: Compared, { before, after }: Pointers): ChangedSlot[] {
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
  const paths = was && will ? pathsThatDiffer(was.values, will.values) : []
  const isConfig = (path: string): boolean => path.startsWith('config.')
  return {
    ...slot,
    action: actionOf(was, will),
    version: change(({ version }) => version),
    image: change(({ digest }) => digest),
    revision: change(({ revision }) => revision),
    chart: change(({ chart: { name, version, hash } }) => `${name} ${version} ${hash}`),
    replicas: change(({ values: { replicas } }) =>
      replicas === undefined ? null : canonical(replicas),
    ),
    config: paths.filter(isConfig).map((path) => path.replace('config.', '')),
    values: paths.filter((path) => !isConfig(path) && !shownApart.has(path)),
  }
}

/** What helm reads besides the values of the chart: `tags` and `global`. */
function outside(
  { from, to }: Compared,
  folder: string,
  { before, after }: Pick<ChangedSlot, 'before' | 'after'>,
): string[] {
  const [was, will] = [entryOf(before), entryOf(after)]
  if (!was || !will) return []
  const { [was.chart.name]: _, ...earlier } = valuesIn(from, folder)
  const { [will.chart.name]: __, ...later } = valuesIn(to, folder)
  return pathsThatDiffer(earlier, later)
}

const shownApart = new Set(['shopctl.image', 'shopctl.version', 'shopctl.revision', 'replicas'])

function actionOf(was: SlotEntry | null, will: SlotEntry | null): SlotChange['action'] {
  if (was === null) return 'added'
  return will === null ? 'removed' : 'changed'
}

/** A comment or a mark is no change of a slot. */
export function isShown({ config, values, version, image, revision, chart, replicas }: SlotChange) {
  const named = [version, image, revision, chart, replicas].some((each) => each !== null)
  return named || config.length + values.length > 0
}

function movesOf({ before, after }: Pointers): ServiceMove[] {
  if (before instanceof ShopctlError || after instanceof ShopctlError) return []
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort(byCodeUnits)
  return names.flatMap((service) =>
    (['stable', 'preview'] as const).flatMap((which): ServiceMove[] => {
      const from = before[service]?.[which] ?? null
      const to = after[service]?.[which] ?? null
      if (sameTarget(from, to)) return []
      const release = which === 'stable' ? (after[service]?.stable?.release ?? null) : null
      return [{ service, which, from: from && targetOf(from), to: to && targetOf(to), release }]
    }),
  )
}

function sharedChange(input: Compared, { before, after }: Pointers): SharedChange {
  const { from, to } = input
  const folder = servicesFolder(to.tree.env)
  const isBegun = from.tree.texts.has(valuesFile(folder))
  if (!isBegun || before instanceof ShopctlError || after instanceof ShopctlError)
    return { values: [], chart: isBegun && hasOtherChart(input, folder) }
  const paths = pathsThatDiffer(valuesIn(from, folder), valuesIn(to, folder))
  const [was, is] = [from, to].map(({ tree }) => dependenciesOf(tree, folder))
  return {
    values: paths.filter((path) => !path.startsWith('global.selectors.')),
    chart: hasOtherChart(input, folder) || !isSame(was, is),
  }
}

/** Also one whose files somebody has edited where they are. */
export function hasOtherChart(input: Compared, folder: string): boolean {
  return changedPaths(input).some((path) => path.startsWith(`${folder}/charts/`))
}
