// Two commits, read as far as they can be read; pure.
import { ShopctlError } from '../../../errors.ts'
import { byCodeUnits, isMap } from '../../../release/canonical.ts'
import type { SlotChange } from '../../../release/ports/merge.ts'
import type { Color } from '../../../release/slot.ts'
import { isSame } from '../edit.ts'
import { servicesFolder, slotFolder, valuesFile } from '../layout.ts'
import { type ServiceEntry, type SlotEntry, stateOf, type Tree } from '../read.ts'
import { readYamlFile, type Values } from '../yaml.ts'

/** A commit. */
export interface CommitFiles {
  tree: Tree
  /** Of the content of each file of the environment, by path. */
  hashes: ReadonlyMap<string, string>
}

export interface Compared {
  from: CommitFiles
  to: CommitFiles
  services: readonly string[]
}

/** Its services are those in shopctl.yaml. */
export interface MergeInput extends Compared {
  /** Content of the files of `to` that `chartFiles` names. null: it is no text. */
  charts: ReadonlyMap<string, Uint8Array | null>
}

/** An error: its files are nonsense. */
type SlotState = SlotEntry | 'removed' | null | ShopctlError
type Services = Record<string, ServiceEntry> | ShopctlError

/** What the Services select. */
export interface Pointers {
  before: Services
  after: Services
}

/** A slot whose files differ. */
export interface ChangedSlot {
  before: SlotState
  after: SlotState
  live: { before: boolean; after: boolean }
  changes: SlotChange
}

/** Files that are new, changed or gone. */
export function changedPaths({ from, to }: Pick<Compared, 'from' | 'to'>): string[] {
  const all = new Set([...from.hashes.keys(), ...to.hashes.keys()])
  return [...all].filter((path) => from.hashes.get(path) !== to.hashes.get(path)).sort(byCodeUnits)
}

/** The folder in whose name is the hash of its files. null: the file belongs to none. */
export function chartFolderOf(path: string): string | null {
  return /^[^/]+\/(?:services|[^/]+\/[^/]+)\/charts\/[^/]+(?=\/)/.exec(path)?.[0] ?? null
}

/** All files of those charts in `to` of which something differs. */
export function chartFiles(input: Pick<Compared, 'from' | 'to'>): string[] {
  const folders = new Set(changedPaths(input).flatMap((path) => chartFolderOf(path) ?? []))
  const all = [...input.to.hashes.keys()]
  return all.filter((path) => folders.has(chartFolderOf(path) ?? '')).sort(byCodeUnits)
}

export function pointersOf({ from, to }: Compared): Pointers {
  const read = (tree: Tree): Services =>
    orProblem(() => stateOf(narrowed(tree, servicesFolder(tree.env))).services)
  return { before: read(from.tree), after: read(to.tree) }
}

export function slotIn({ tree }: CommitFiles, service: string, color: Color): SlotState {
  const folder = slotFolder(tree.env, service, color)
  return orProblem(() => stateOf(narrowed(tree, folder)).slots[service]?.[color] ?? null)
}

/** null: it has no chart, or cannot be read. */
export function entryOf(state: SlotState): SlotEntry | null {
  return state === 'removed' || state instanceof ShopctlError ? null : state
}

/** All values of a folder, without what only shopctl reads. Empty if the file cannot be read. */
export function valuesIn({ tree }: CommitFiles, folder: string): Values {
  const file = valuesFile(folder)
  const read = orProblem(() => readYamlFile(tree.texts.get(file) ?? '', file).values)
  if (read instanceof ShopctlError) return {}
  const { marks: _, ...values } = read
  return values
}

/** Paths of values that differ, such as `resources.limits.memory`. */
export function pathsThatDiffer(
  before: Values,
  after: Values,
  above: readonly string[] = [],
): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return keys.flatMap((key) => {
    const [one, other] = [before[key], after[key]]
    const path = [...above, key]
    if (key in before === key in after && isSame(one, other)) return []
    return isMap(one) && isMap(other) ? pathsThatDiffer(one, other, path) : [path.join('.')]
  })
}

/** One folder after the other is read, so that each says what is wrong in it. */
function narrowed({ env, paths, texts }: Tree, folder: string): Tree {
  const isInside = (path: string): boolean => path.startsWith(`${folder}/`)
  return {
    env,
    paths: paths.filter(isInside),
    texts: new Map([...texts].filter(([path]) => isInside(path))),
  }
}

function orProblem<T>(read: () => T): T | ShopctlError {
  try {
    return read()
  } catch (error) {
    if (error instanceof ShopctlError) return error
    throw error
  }
}
