// Changes a YAML file of the config repo and leaves the text of what is unchanged as it is; pure.
import { type Document, isMap as isMapNode, isNode, isScalar, type Pair, type YAMLMap } from 'yaml'
import { canonical, isMap } from '../../release/canonical.ts'
import { documentOf, readYamlFile, type Values, writeYaml } from './yaml.ts'

/** The text from `start` to `end` becomes `text`. */
interface Edit {
  start: number
  end: number
  text: string
}

/** The file with these values, with its comments, its order and its line ends. `file` is for messages. */
export function editYaml(text: string, wanted: Values, file: string): string {
  const { document, values } = readYamlFile(text, file)
  if (isSame(values, wanted)) return text
  const ending = text.includes('\r\n') ? '\r\n' : '\n'
  const source = { text, document, ending }
  const edits = isMapNode(document.contents)
    ? editsOf(source, document.contents, wanted)
    : [insertion(source, text.length, wanted, '')]
  const spliced = edits && splice(text, edits)
  if (spliced !== null && hasValues(spliced, wanted, file)) return spliced
  // Anchors, aliases or a style in which a line is no key.
  const rewritten = throughDocument(document, values, wanted)
  const whole = hasValues(rewritten, wanted, file) ? rewritten : writeYaml(wanted)
  return whole.replaceAll(/\r?\n/g, ending)
}

/** Whether they are equal as JSON. */
export function isSame(one: unknown, other: unknown): boolean {
  return canonical(one) === canonical(other)
}

function hasValues(text: string, wanted: Values, file: string): boolean {
  try {
    return isSame(readYamlFile(text, file).values, wanted)
  } catch {
    return false
  }
}

function splice(text: string, edits: readonly Edit[]): string {
  let result = ''
  let at = 0
  // Of two at the same place, the deeper one was found first.
  for (const { start, end, text: added } of edits.toSorted((a, b) => a.start - b.start)) {
    result += text.slice(at, start) + added
    at = Math.max(at, end)
  }
  return result + text.slice(at)
}

interface Source {
  text: string
  document: Document
  ending: string
}

/** null: its text cannot be edited line by line. */
function editsOf(source: Source, map: YAMLMap, wanted: Values): Edit[] | null {
  const indent = indentOf(source, map)
  if (indent === null) return null
  const edits: Edit[] = []
  const known = new Set<string>()
  for (const pair of map.items) {
    const key = keyOf(pair)
    if (key === null) return null
    known.add(key)
    const found = pairEdits(source, pair, key in wanted ? { value: wanted[key], indent } : null)
    if (found === null) return null
    edits.push(...found)
  }
  const added = Object.entries(wanted).filter(
    ([key, value]) => !known.has(key) && value !== undefined,
  )
  const last = map.items.at(-1)
  if (added.length === 0 || !last) return edits
  const place = lineEnd(source.text, endOf(source.text, last))
  return [...edits, insertion(source, place, Object.fromEntries(added), indent)]
}

/** New lines at the start of a line, or at the end of the file. */
function insertion(source: Source, place: number, values: Values, indent: string): Edit {
  const { text, ending } = source
  const begin = place === 0 || text[place - 1] === '\n' ? '' : ending
  return { start: place, end: place, text: `${begin}${linesOf(source, values, indent)}` }
}

function keyOf({ key }: Pair): string | null {
  return isScalar(key) && key.range ? String(key.value) : null
}

/** What is before each of its keys. null: it is no map with a key on each line. */
function indentOf({ text }: Source, map: YAMLMap): string | null {
  const [first] = map.items
  if (map.flow || map.anchor || !isScalar(first?.key) || !first.key.range) return null
  const [start] = first.key.range
  const before = text.slice(text.lastIndexOf('\n', start - 1) + 1, start)
  return /^ *$/.test(before) ? before : null
}

function pairEdits(
  source: Source,
  pair: Pair,
  wanted: { value: unknown; indent: string } | null,
): Edit[] | null {
  const { text, document } = source
  const { value } = pair
  const [start = 0] = (isScalar(pair.key) && pair.key.range) || []
  const end = endOf(text, pair)
  if (!wanted) {
    const line = text.lastIndexOf('\n', start - 1) + 1
    return [{ start: line, end: lineEnd(text, end), text: '' }]
  }
  const now = isNode(value) ? value.toJS(document) : null
  if (isSame(now, wanted.value)) return []
  if (isMapNode(value) && isMap(wanted.value) && Object.keys(wanted.value).length > 0) {
    const inside = editsOf(source, value, wanted.value)
    if (inside) return inside
  }
  const scalar = scalarEdit(pair, wanted.value)
  if (scalar) return [scalar]
  const key = keyOf(pair) ?? ''
  const lines = linesOf(source, { [key]: wanted.value }, wanted.indent).trim()
  return [{ start, end, text: lines }]
}

/** null: the old or the new value is more than a word on the line of its key. */
function scalarEdit({ value }: Pair, wanted: unknown): Edit | null {
  if (!isScalar(value) || !value.range || value.anchor || value.tag || isObject(wanted)) return null
  const [start, end] = value.range
  const isBlock = value.type === 'BLOCK_FOLDED' || value.type === 'BLOCK_LITERAL'
  if (start === end || isBlock) return null
  const document = documentOf(wanted)
  const { type } = value
  const isQuoted = type === 'QUOTE_DOUBLE' || type === 'QUOTE_SINGLE'
  if (isQuoted && isScalar(document.contents) && typeof wanted === 'string')
    document.contents.type = type
  const text = document.toString({ lineWidth: 0 }).trimEnd()
  return text.includes('\n') ? null : { start, end, text }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

/** Where its value ends, without the end of the line. */
function endOf(text: string, { key, value }: Pair): number {
  const range = (isNode(value) && value.range) || (isNode(key) && key.range) || [0, 0, 0]
  return text.slice(0, range[1]).trimEnd().length
}

/** The start of the next line. */
function lineEnd(text: string, at: number): number {
  const found = text.indexOf('\n', at)
  return found === -1 ? text.length : found + 1
}

function linesOf({ ending }: Source, values: Values, indent: string): string {
  return writeYaml(values)
    .replaceAll(/^(?=.)/gm, indent)
    .replaceAll('\n', ending)
}

/** Keeps comments and order, but not each blank. */
function throughDocument(document: Document, values: Values, wanted: Values): string {
  const change = (path: string[], before: Values, after: Values): void => {
    for (const key of Object.keys(before)) if (!(key in after)) document.deleteIn([...path, key])
    const map = document.getIn(path, true)
    // `{}` was the only way to write it. What it gets is for people to read.
    if (isMapNode(map) && map.items.length === 0) map.flow = false
    for (const [key, value] of Object.entries(after)) {
      const old = before[key]
      if (isSame(old, value) && key in before) continue
      if (isMap(old) && isMap(value) && isMapNode(document.getIn([...path, key], true)))
        change([...path, key], old, value)
      else document.setIn([...path, key], documentOf(value).contents)
    }
  }
  try {
    change([], values, wanted)
    return document.toString({ lineWidth: 0 })
  } catch {
    return writeYaml(wanted)
  }
}
