// What no merge in the config repo may do: the guard would refuse it, or a Service would lead to no pod; pure.
import { ShopctlError } from '../../../errors.ts'
import type { MergeRefusal, ServiceMove, SlotChange } from '../../../release/ports/merge.ts'
import { colors, otherColor, type Target } from '../../../release/slot.ts'
import { hashOf } from '../chart.ts'
import { chartFile, servicesFolder, slotFolder, valuesFile, vendorFolders } from '../layout.ts'
import { dependenciesOf, type SlotEntry } from '../read.ts'
import { readYamlFile } from '../yaml.ts'
import type { Changed } from './changed.ts'
import {
  type ChangedSlot,
  changedPaths,
  chartFiles,
  chartFolderOf,
  entryOf,
  type MergeInput,
  type Pointers,
  slotIn,
} from './sides.ts'

export function refusalsOf(input: MergeInput, { slots, moves, pointers }: Changed): MergeRefusal[] {
  return [
    ...unknownFiles(input),
    ...editedCharts(input),
    ...servicesProblems(input, pointers),
    ...slots.flatMap((slot) => slotProblems(input, slot)),
    ...moves.flatMap((move) => moveProblems(input, move)),
  ]
}

function atFile(file: string, message: string): MergeRefusal {
  return { file, line: 1, column: 1, message }
}

/** Of an error that begins with `file:line:column: `. */
function ofError({ message }: ShopctlError): MergeRefusal {
  const place = /^(.*?):(\d+):(\d+): (.*)$/s.exec(message)
  const [, file = '', line = 1, column = 1, text = message] = place ?? []
  return { file, line: Number(line), column: Number(column), message: text }
}

/** At a key of a file of `to`, or at its nearest parent that is there. */
function atKey({ to }: MergeInput, file: string, path: string[], message: string): MergeRefusal {
  const text = to.tree.texts.get(file)
  if (text === undefined) return atFile(file, message)
  return { ...ofError(readYamlFile(text, file).wrong(path, '')), message }
}

/** Files that no Application of Argo CD follows, or that no `deploy` wrote. */
function unknownFiles(input: MergeInput): MergeRefusal[] {
  const { to, services } = input
  const { env } = to.tree
  const folders = services.flatMap((service) => colors.map((color) => `${service}/${color}`))
  const found = new Map<string, MergeRefusal>()
  for (const path of changedPaths(input).filter((each) => to.hashes.has(each))) {
    const inside = path.slice(env.length + 1)
    const folder = [...folders, 'services'].find((each) => inside.startsWith(`${each}/`))
    const rest = folder === undefined ? inside : inside.slice(folder.length + 1)
    const isKnown = folder === undefined ? knownAbove.test(rest) : knownInside.test(rest)
    if (isKnown) continue
    const place = folder === undefined ? `${env}/${inside.split('/', 1)[0]}` : path
    const [service = ''] = inside.split('/')
    const why =
      folder === undefined && inside.includes('/') && !services.includes(service)
        ? `shopctl.yaml names no service ${service}, so Argo CD has no Application for it.`
        : 'it belongs to no slot: `shopctl deploy` writes no such file.'
    if (!found.has(place)) found.set(place, atFile(path, why))
  }
  return [...found.values()]
}

const knownAbove = /^(argocd\.yaml|README\.md)$/
const knownInside = /^(Chart\.yaml|values\.yaml|README\.md|charts\/[\w.-]+-[0-9a-f]{12}\/.+)$/

/** The name of its folder says what must be in a chart. */
function editedCharts(input: MergeInput): MergeRefusal[] {
  const files = chartFiles(input)
  const folders = [...new Set(files.flatMap((path) => chartFolderOf(path) ?? []))]
  return folders.flatMap((folder) => {
    const inside = files.filter((path) => path.startsWith(`${folder}/`))
    const all = inside.map((path) => ({
      path: path.slice(folder.length + 1),
      content: input.charts.get(path) ?? null,
    }))
    const read = all.flatMap(({ path, content }) => (content ? [{ path, content }] : []))
    // A picture, for example: `notChecked` says so.
    if (read.length < all.length || hashOf(read) === folder.slice(-12)) return []
    const before = input.from.hashes
    const edited = inside.find((path) => before.get(path) !== input.to.hashes.get(path))
    return [
      atFile(
        edited ?? inside[0] ?? folder,
        'the chart was changed by hand: its files do not have the hash in the name of its folder. Change the chart where it comes from, then run `shopctl deploy`.',
      ),
    ]
  })
}

function servicesProblems(input: MergeInput, { before, after }: Pointers): MergeRefusal[] {
  const { env, paths } = input.to.tree
  const folder = servicesFolder(env)
  if (!changedPaths(input).some((path) => path.startsWith(`${folder}/`))) return []
  if (after instanceof ShopctlError) return [ofError(after)]
  const dependencies = dependenciesOf(input.to.tree, folder) ?? []
  const vendored = new Set(vendorFolders(folder, paths).map((path) => path.replace(/-[^-]*$/, '')))
  const lacking = dependencies.find(({ name }) => !vendored.has(`${folder}/charts/${name}`))
  const file = chartFile(folder)
  return [
    ...(lacking
      ? [atKey(input, file, ['dependencies'], `${folder}/charts has no ${lacking.name}.`)]
      : []),
    ...dependencies
      .filter(({ key }) => !input.services.includes(key))
      .filter(({ key }) => before instanceof ShopctlError || !(key in before))
      .map(({ key }) =>
        atKey(input, file, ['dependencies'], `shopctl.yaml names no service ${key}.`),
      ),
  ]
}

function slotProblems(input: MergeInput, slot: ChangedSlot): MergeRefusal[] {
  const { after } = slot
  if (after instanceof ShopctlError) return [ofError(after)]
  const entry = entryOf(after)
  return [...(entry ? contentProblems(input, slot, entry) : []), ...liveProblems(input, slot)]
}

function contentProblems(
  input: MergeInput,
  { changes: { service, color } }: ChangedSlot,
  { chart, values }: SlotEntry,
): MergeRefusal[] {
  const file = valuesFile(slotFolder(input.to.tree.env, service, color))
  const shopctl = values.shopctl as Record<string, unknown>
  const wrong = (key: string, message: string): MergeRefusal =>
    atKey(input, file, [chart.name, 'shopctl', key], `${chart.name}.shopctl.${key}: ${message}`)
  return [
    ...(/@sha256:[0-9a-f]{64}$/.test(String(shopctl.image))
      ? []
      : [wrong('image', 'expected a digest, as `name@sha256:…`: a tag can move.')]),
    ...(shopctl.service === service ? [] : [wrong('service', `expected ${service}.`)]),
    ...(shopctl.color === color ? [] : [wrong('color', `expected ${color}.`)]),
  ]
}

/** Numbers of pods may change: the guard lets them. */
const ofAutoscaler = /^autoscaling(\.|$)/

function liveProblems(input: MergeInput, slot: ChangedSlot): MergeRefusal[] {
  const { live, before, after, changes } = slot
  const { service, color } = changes
  // What it was cannot be read: this repairs it.
  if (!changes.live || before instanceof ShopctlError) return []
  const folder = slotFolder(input.to.tree.env, service, color)
  const will = entryOf(after)
  const name = `${service} ${color}`
  const state = stateText(live, otherColor(color))
  if (!will)
    return entryOf(before)
      ? [atFile(chartFile(folder), `${name} ${state.is}, and cannot be removed. ${state.do}`)]
      : []
  const what = protectedChanges(changes, will)
  if (what.length === 0) return []
  const message = `${name} ${state.is}, and cannot change: ${what.join(', ')}. ${state.do}`
  const [first = ''] = what
  if (first === 'chart') return [atKey(input, chartFile(folder), ['dependencies'], message)]
  const path = [will.chart.name, ...(keyOf[first] ?? first).split('.')]
  return [atKey(input, valuesFile(folder), path, message)]
}

function stateText(live: ChangedSlot['live'], other: string): { is: string; do: string } {
  if (live.before && live.after)
    return { is: 'is live', do: `Change ${other}, then move the Service.` }
  if (live.before)
    return {
      is: 'is live until this is merged',
      do: 'Move the Service first, in a merge of its own.',
    }
  return { is: 'goes live with this', do: 'Change it first, in a merge of its own.' }
}

const keyOf: Readonly<Record<string, string>> = {
  version: 'shopctl.version',
  image: 'shopctl.image',
  revision: 'shopctl.revision',
}

/** What of the change the pods of a slot would notice. */
function protectedChanges(changes: SlotChange, { values }: SlotEntry): string[] {
  const named = (['chart', 'image', 'version', 'revision'] as const).filter(
    (each) => changes[each] !== null,
  )
  const isEnded = (path: string): boolean =>
    !ofAutoscaler.test(path) || Object.keys(values.autoscaling ?? {}).length === 0
  return [
    ...named,
    ...changes.config.map((key) => `config.${key}`),
    ...changes.values.filter(isEnded),
  ]
}

function moveProblems(
  input: MergeInput,
  { service, which, from, to }: ServiceMove,
): MergeRefusal[] {
  const file = valuesFile(servicesFolder(input.to.tree.env))
  const wrong = (message: string): MergeRefusal[] => [
    atKey(input, file, ['global', 'selectors', service, which], `${service} ${which}: ${message}`),
  ]
  if (!to) return from && which === 'stable' ? wrong('no slot would be live.') : []
  const why = whyNot(input, service, to)
  return why === null ? [] : wrong(why)
}

/** Why a Service cannot select this. null: it can. */
function whyNot({ to: side }: MergeInput, service: string, { color, revision }: Target) {
  const slot = slotIn(side, service, color)
  if (slot === null) return `there is no slot ${color}.`
  if (slot === 'removed') return `the slot ${color} was removed: it has no chart.`
  if (slot instanceof ShopctlError) return `the slot ${color} cannot be read.`
  if (slot.revision === revision) return null
  return `the slot ${color} has the revision ${slot.revision}, not ${revision}: no pod would be selected.`
}
