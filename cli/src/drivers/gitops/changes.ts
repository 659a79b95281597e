// The files that one commit changes in the config repo; pure.
import { refused } from '../../errors.ts'
import { isMap } from '../../release/canonical.ts'
import type { Changes } from '../../release/ports/config-repo.ts'
import type { ChartWrite, Marks, PointerMove, SlotWrite } from '../../release/ports/driver.ts'
import { type Color, slotName, type Target } from '../../release/slot.ts'
import type { Vendored } from './chart.ts'
import { editYaml } from './edit.ts'
import {
  argocdFile,
  chartFile,
  isReserved,
  servicesFolder,
  slotFolder,
  valuesFile,
  vendorFolder,
  vendorFolders,
} from './layout.ts'
import { dependenciesOf, type Tree } from './read.ts'
import { mergeValues } from './values.ts'
import { readYamlFile, type Values, writeYaml } from './yaml.ts'

/** A slot to write, with what its files contain. */
export interface SlotInput {
  write: Pick<SlotWrite, 'service' | 'color' | 'values' | 'marks'> & {
    shared: Pick<ChartWrite, 'values' | 'marks'> | null
  }
  chart: Vendored
  /** Content of its values files; later ones override earlier ones. */
  values: readonly Values[]
}

export type MoveInput = Pick<PointerMove, 'service' | 'which' | 'to' | 'release'>

export interface ChangeInput {
  slots?: readonly SlotInput[]
  /** The chart of what slots share. Only slots with a `shared` need it. */
  sharedChart?: Vendored | null
  moves?: readonly MoveInput[]
  removals?: readonly { service: string; color: Color }[]
  /** Makes the folders of an environment whose slots are not written yet. */
  begun?: { slots: readonly { service: string; color: Color }[]; argocd: string } | null
  /** Folders that become what they were in an earlier commit. */
  restored?: readonly { folder: string; from: string }[]
}

/** All of it in one commit. Files that would stay as they are are left out. */
export function changesOf(tree: Tree, input: ChangeInput): Changes {
  const { slots = [], sharedChart = null, moves = [], removals = [] } = input
  const { begun = null, restored = [] } = input
  const changes: Draft = { write: new Map(), remove: new Set() }
  for (const slot of slots) writeSlot(tree, changes, slot)
  for (const { service, color } of removals) removeSlot(tree, changes, service, color)
  if (begun) begin(tree, changes, begun)
  writeServices(tree, changes, { slots, sharedChart, moves })
  return {
    write: changes.write,
    remove: [...changes.remove],
    ...(restored.length > 0 && { restore: restored }),
  }
}

interface Draft {
  write: Map<string, string | Uint8Array>
  remove: Set<string>
}

function writeSlot(tree: Tree, changes: Draft, { write, chart, values }: SlotInput): void {
  const { service, color, marks } = write
  if (isReserved(service)) throw reservedName(service)
  const folder = slotFolder(tree.env, service, color)
  const merged = mergeValues([...values, write.values])
  const tags = mergeValues([{ tags: chart.tags }, { tags: merged.tags }].filter(hasTags))
  const dependency = { name: chart.name, version: chart.version }
  writeChart(tree, changes, folder, slotName(service, color), [dependency], chart)
  writeValues(tree, changes, folder, { ...tags, [chart.name]: merged, marks })
}

function hasTags({ tags }: Values): boolean {
  return isMap(tags)
}

function reservedName(service: string): Error {
  return refused({
    code: 'reserved-name',
    message: `The config repo has no place for a service named ${service}.`,
    hint: 'Rename it in shopctl.yaml, then run the command again.',
  })
}

/** Argo CD prunes what the folder no longer renders. */
function removeSlot(tree: Tree, changes: Draft, service: string, color: Color): void {
  const folder = slotFolder(tree.env, service, color)
  if (!tree.paths.includes(chartFile(folder))) return
  writeChart(tree, changes, folder, slotName(service, color), [], null)
  writeValues(tree, changes, folder, {})
}

function begin(
  tree: Tree,
  changes: Draft,
  { slots, argocd }: NonNullable<ChangeInput['begun']>,
): void {
  const folders = slots.map(({ service, color }) => {
    if (isReserved(service)) throw reservedName(service)
    return { folder: slotFolder(tree.env, service, color), name: slotName(service, color) }
  })
  for (const { folder, name } of [
    ...folders,
    { folder: servicesFolder(tree.env), name: 'services' },
  ]) {
    if (tree.paths.includes(chartFile(folder))) continue
    writeChart(tree, changes, folder, name, [], null)
    writeValues(tree, changes, folder, {})
  }
  const file = argocdFile(tree.env)
  if (tree.texts.get(file) !== argocd) changes.write.set(file, argocd)
}

type Entry = Readonly<Record<'name' | 'version', string>> & { alias?: string }

function writeChart(
  tree: Tree,
  changes: Draft,
  folder: string,
  name: string,
  dependencies: readonly Entry[],
  chart: Vendored | null,
): void {
  const list = dependencies.length > 0 ? { dependencies } : {}
  const fresh = { apiVersion: 'v2', name, version: '1.0.0', ...list }
  writeFile(tree, changes, chartFile(folder), (now) => {
    const { dependencies: _, ...rest } = now ?? fresh
    return { ...rest, ...list }
  })
  const place = chart && vendorFolder(folder, chart)
  const present = vendorFolders(folder, tree.paths)
  for (const other of present) if (other !== place) changes.remove.add(other)
  if (!chart || !place || present.includes(place)) return
  for (const { path, content } of chart.files) changes.write.set(`${place}/${path}`, content)
}

function writeValues(tree: Tree, changes: Draft, folder: string, values: Values): void {
  writeFile(tree, changes, valuesFile(folder), () => values)
}

/** `change` gets what is in the file; null: there is none. */
function writeFile(
  tree: Tree,
  changes: Draft,
  file: string,
  change: (now: Values | null) => Values,
): void {
  const text = tree.texts.get(file)
  if (text === undefined) {
    changes.write.set(file, writeYaml(change(null)))
    return
  }
  const edited = editYaml(text, change(readYamlFile(text, file).values), file)
  if (edited !== text) changes.write.set(file, edited)
}

type ServicesInput = Required<Pick<ChangeInput, 'slots' | 'sharedChart' | 'moves'>>

function writeServices(
  tree: Tree,
  changes: Draft,
  { slots, sharedChart, moves }: ServicesInput,
): void {
  const folder = servicesFolder(tree.env)
  const shared = new Map(
    slots.flatMap(({ write }) => (write.shared ? [[write.service, write.shared] as const] : [])),
  )
  if (shared.size > 0 && sharedChart) {
    const known = (dependenciesOf(tree, folder) ?? []).map(({ key }) => key)
    const { name, version } = sharedChart
    const all = [...new Set([...known, ...shared.keys()])]
    const dependencies = all.map((alias) => ({ name, version, alias }))
    writeChart(tree, changes, folder, 'services', dependencies, sharedChart)
  }
  if (shared.size === 0 && moves.length === 0) return
  writeFile(tree, changes, valuesFile(folder), (now) => {
    const begun = [...shared].reduce((values, entry) => withShared(values, entry), now ?? {})
    return moves.reduce((values, move) => moved(values, move), begun)
  })
}

/** A new service gets selectors that select no pod. */
function withShared(
  values: Values,
  [service, shared]: readonly [string, { values: Values; marks: Marks }],
): Values {
  const selectors = selectorsIn(values)
  const all = mapOf(values.marks)
  return {
    ...values,
    global: {
      ...mapOf(values.global),
      selectors: { ...selectors, [service]: selectors[service] ?? { stable: null, preview: null } },
    },
    [service]: shared.values,
    marks: { ...all, [service]: shared.marks },
  }
}

function moved(values: Values, { service, which, to, release }: MoveInput): Values {
  const selectors = selectorsIn(values)
  const pair = { stable: null, preview: null, ...mapOf(selectors[service]) }
  const changed = { ...pair, [which]: to && selectorEntry(to, release) }
  return {
    ...values,
    global: { ...mapOf(values.global), selectors: { ...selectors, [service]: changed } },
  }
}

function selectorEntry({ color, revision }: Target, release: string | null): Values {
  return { color, revision, ...(release !== null && { release }) }
}

function selectorsIn(values: Values): Values {
  return mapOf(mapOf(values.global).selectors)
}

function mapOf(value: unknown): Values {
  return isMap(value) ? value : {}
}
