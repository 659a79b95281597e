// What the files of a commit say about an environment; pure.
import { byCodeUnits, isMap } from '../../release/canonical.ts'
import type { Marks } from '../../release/ports/driver.ts'
import { type Color, colors, type Target } from '../../release/slot.ts'
import {
  argocdFile,
  chartFile,
  servicesFolder,
  slotFolder,
  valuesFile,
  vendorFolders,
} from './layout.ts'
import { badFile, type Path, readYamlFile, type Values, type YamlFile } from './yaml.ts'

/** The files of an environment in one commit. */
export interface Tree {
  env: string
  /** All files of the environment. */
  paths: readonly string[]
  /** Text of those that `filesToRead` names. */
  texts: ReadonlyMap<string, string>
}

/** A slot as the config repo describes it. */
export interface SlotEntry {
  color: Color
  revision: string
  version: string
  /** `sha256:…` of the image. */
  digest: string
  chart: { name: string; version: string; hash: string }
  /** With `shopctl`. */
  values: Values
  marks: Marks
}

export interface ServiceEntry {
  /** null: no pod. undefined: nothing is said, and the Service has no selector. */
  stable: (Target & { release: string | null }) | null | undefined
  preview: Target | null | undefined
  marks: Marks
}

export interface ConfigState {
  /** By service. null: there never was one. */
  slots: Record<string, Record<Color, SlotEntry | 'removed' | null>>
  services: Record<string, ServiceEntry>
}

/** The files whose text `stateOf` and the changes need. */
export function filesToRead(env: string, paths: readonly string[]): string[] {
  const folders = [
    servicesFolder(env),
    ...servicesIn(env, paths).flatMap((service) =>
      colors.map((color) => slotFolder(env, service, color)),
    ),
  ]
  const inFolders = folders.flatMap((folder) => [chartFile(folder), valuesFile(folder)])
  const wanted = new Set([argocdFile(env), ...inFolders])
  return paths.filter((path) => wanted.has(path))
}

/** Refused with file, line and column if somebody edited a file into something else. */
export function stateOf(tree: Tree): ConfigState {
  const slots = servicesIn(tree.env, tree.paths).map((service) => [
    service,
    { blue: slotIn(tree, service, 'blue'), green: slotIn(tree, service, 'green') },
  ])
  return { slots: Object.fromEntries(slots), services: servicesOf(tree) }
}

/** For any text. */
const knownColors: readonly string[] = colors

export function servicesIn(env: string, paths: readonly string[]): string[] {
  const found = paths.flatMap((path) => {
    const [first, service = '', color] = path.split('/')
    return first === env && knownColors.includes(color ?? '') ? [service] : []
  })
  return [...new Set(found)].sort(byCodeUnits)
}

interface Dependency {
  name: string
  version: string
  /** The key of its values. */
  key: string
}

/** Of the Chart.yaml of a folder. null: there is none. */
export function dependenciesOf(tree: Tree, folder: string): Dependency[] | null {
  const file = chartFile(folder)
  const text = tree.texts.get(file)
  if (text === undefined) return null
  const yaml = readYamlFile(text, file)
  const { dependencies = [] } = yaml.values
  const list = dependencies ?? []
  if (!Array.isArray(list)) throw yaml.wrong(['dependencies'], 'expected a list')
  return list.map((each: unknown, index) => {
    const { name, version, alias = name } = isMap(each) ? each : {}
    const texts = [name, version, alias]
    if (!texts.every((value) => typeof value === 'string'))
      throw yaml.wrong(['dependencies', index], 'expected the texts `name` and `version`')
    return { name: String(name), version: String(version), key: String(alias) }
  })
}

function slotIn(tree: Tree, service: string, color: Color): SlotEntry | 'removed' | null {
  const folder = slotFolder(tree.env, service, color)
  const dependencies = dependenciesOf(tree, folder)
  if (dependencies === null) return null
  const [dependency, ...others] = dependencies
  if (!dependency) return 'removed'
  if (others.length > 0) throw badFile(`${chartFile(folder)}:1:1`, 'expected one dependency')
  const { key, name, version } = dependency
  const hash = hashIn(tree, folder, name)
  const file = valuesFile(folder)
  const yaml = readYamlFile(tree.texts.get(file) ?? '', file)
  const values = mapAt(yaml, [key])
  const shopctl = mapAt(yaml, [key, 'shopctl'])
  const textAt = (name: string): string => {
    const value = shopctl[name]
    if (typeof value === 'string' && value !== '') return value
    throw yaml.wrong([key, 'shopctl', name], 'expected text')
  }
  const image = textAt('image')
  return {
    color,
    revision: textAt('revision'),
    version: textAt('version'),
    digest: image.slice(image.indexOf('@') + 1),
    chart: { name, version, hash },
    values,
    marks: marksAt(yaml, ['marks']),
  }
}

/** Of the one chart that is unpacked in the folder. */
function hashIn(tree: Tree, folder: string, name: string): string {
  const prefix = `${folder}/charts/${name}-`
  const found = vendorFolders(folder, tree.paths)
  const [only] = found
  const hash = only?.startsWith(prefix) ? only.slice(prefix.length) : ''
  if (found.length === 1 && /^[0-9a-f]{12}$/.test(hash)) return hash
  const message = `${folder}/charts has ${found.length === 0 ? 'no chart' : 'other charts'}`
  throw badFile(`${chartFile(folder)}:1:1`, `its dependency is ${name}, but ${message}`)
}

function servicesOf(tree: Tree): Record<string, ServiceEntry> {
  const folder = servicesFolder(tree.env)
  const dependencies = dependenciesOf(tree, folder) ?? []
  const file = valuesFile(folder)
  const yaml = readYamlFile(tree.texts.get(file) ?? '', file)
  const entries = dependencies.map(({ key }) => [
    key,
    {
      stable: stableAt(yaml, ['global', 'selectors', key, 'stable']),
      preview: targetAt(yaml, ['global', 'selectors', key, 'preview']),
      marks: marksAt(yaml, ['marks', key]),
    },
  ])
  return Object.fromEntries(entries)
}

function stableAt(yaml: YamlFile, path: Path): ServiceEntry['stable'] {
  const target = targetAt(yaml, path)
  if (!target) return target
  const release = valueAt(yaml, [...path, 'release']) ?? null
  if (release !== null && typeof release !== 'string')
    throw yaml.wrong([...path, 'release'], 'expected text')
  return { ...target, release }
}

function targetAt(yaml: YamlFile, path: Path): Target | null | undefined {
  const value = valueAt(yaml, path)
  if (value === undefined || value === null) return value
  if (!isMap(value)) throw yaml.wrong(path, 'expected a map or null')
  const { color, revision } = value
  const known = colors.find((each) => each === color)
  if (!known) throw yaml.wrong([...path, 'color'], 'expected blue or green')
  if (typeof revision !== 'string' || revision === '')
    throw yaml.wrong([...path, 'revision'], 'expected text, in quotes if it is all digits')
  return { color: known, revision }
}

function marksAt(yaml: YamlFile, path: Path): Marks {
  const marks = valueAt(yaml, path) ?? {}
  if (!isMap(marks)) throw yaml.wrong(path, 'expected a map')
  const texts = Object.entries(marks).map(([mark, value]): [string, string] => {
    if (typeof value === 'string') return [mark, value]
    throw yaml.wrong([...path, mark], 'expected text, in quotes if it is all digits')
  })
  return Object.fromEntries(texts)
}

function mapAt(yaml: YamlFile, path: Path): Values {
  const value = valueAt(yaml, path)
  if (isMap(value)) return value
  throw yaml.wrong(path, value === undefined ? 'it is missing' : 'expected a map')
}

/** undefined: something on the way is missing. Refused if it is no map. */
function valueAt(yaml: YamlFile, path: Path): unknown {
  let value: unknown = yaml.values
  for (const [index, key] of path.entries()) {
    if (value === undefined || value === null) return undefined
    if (!isMap(value)) throw yaml.wrong(path.slice(0, index), 'expected a map')
    value = value[String(key)]
  }
  return value
}
