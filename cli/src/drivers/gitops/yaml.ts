// YAML as helm reads it, and so that helm, Argo CD and people read the same in it; pure.
import {
  Document,
  type DocumentOptions,
  LineCounter,
  type ParseOptions,
  parseAllDocuments,
  parseDocument,
  type ScalarTag,
  type SchemaOptions,
  type Tags,
  visit,
} from 'yaml'
import { refused, type ShopctlError } from '../../errors.ts'
import { isMap } from '../../release/canonical.ts'
import { offsetOf } from '../../yaml-place.ts'

export type Values = Record<string, unknown>
export type Path = readonly (string | number)[]

/** Numbers of base 60 and dates are text for helm. */
const unknownToHelm = new Set(['TIME', 'timestamp'])

const octal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[-+]?0o[0-7_]+$/,
  resolve(text) {
    const value = Number.parseInt(text.replace(/(?:^[-+]?0o)|_/g, ''), 8)
    return text.startsWith('-') ? -value : value
  },
}

/** Helm reads YAML 1.1. Of two equal keys it takes the last. */
const asHelm: ParseOptions & DocumentOptions & SchemaOptions = {
  version: '1.1',
  uniqueKeys: false,
  logLevel: 'error',
  customTags: (tags: Tags): Tags => [
    octal,
    ...tags.filter((tag) => typeof tag !== 'object' || !isForeign(tag)),
  ],
}

function isForeign(tag: object): boolean {
  const { format = '', tag: name = '' } = tag as { format?: string; tag?: string }
  return unknownToHelm.has(format) || unknownToHelm.has(name.split(':').at(-1) ?? '')
}

/** A file of the config repo that people may have edited. */
export interface YamlFile {
  document: Document
  values: Values
  /** The refusal for what is wrong at a key, or at its nearest parent that exists. */
  wrong(path: Path, message: string): ShopctlError
}

/** Refused with file, line and column if it is no map of values. */
export function readYamlFile(text: string, file: string): YamlFile {
  const marker = /^(<{7}|>{7}) /m.exec(text)
  if (marker) {
    const line = text.slice(0, marker.index).split('\n').length
    throw badFile(`${file}:${line}:1`, 'it has the markers of a merge conflict')
  }
  const lines = new LineCounter()
  const placeAt = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`
  }
  const document = parse(text, lines, file)
  const [broken] = [...document.errors, ...document.warnings]
  if (broken) throw badFile(placeAt(broken.pos[0]), firstLine(broken.message))
  const value = plain(document, file) ?? {}
  if (!isMap(value)) throw badFile(placeAt(0), 'expected a map')
  return {
    document,
    values: value,
    wrong: (path, message) =>
      badFile(placeAt(offsetOf(document, path)), `${path.join('.')}: ${message}`),
  }
}

function parse(text: string, lineCounter: LineCounter, file: string): Document {
  try {
    return parseDocument(text, { ...asHelm, lineCounter })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw badFile(`${file}:1:1`, 'its values are nested too deeply')
  }
}

function plain(document: Document, file: string): unknown {
  try {
    return document.toJS()
  } catch (error) {
    // An alias without an anchor, or few aliases that stand for gigabytes.
    if (!(error instanceof ReferenceError)) throw error
    throw badFile(`${file}:1:1`, firstLine(error.message))
  }
}

/** What the documents of a file say. None if it is no YAML. */
export function documentsIn(text: string): unknown[] {
  try {
    const all = parseAllDocuments(text, asHelm)
    return 'empty' in all ? [] : all.map((each) => each.toJS())
  } catch {
    return []
  }
}

function firstLine(message: string): string {
  return message.split('\n')[0]?.replace(/ at line .*$/, '') ?? ''
}

export function badFile(place: string, message: string): ShopctlError {
  return refused({
    code: 'bad-config-repo',
    message: `${place}: ${message}.`,
    hint: 'Correct it in the config repo, with `git revert` for example. Then run the command again.',
  })
}

/** What no reader of YAML takes for anything but text. */
const plainText = /^[A-Za-z_/][\w ./:@+-]*$/

/** Other text is quoted, such as a revision `12e4567890` or `0644`. */
export function documentOf(value: unknown): Document {
  const document = new Document(value, { ...asHelm, aliasDuplicateObjects: false })
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value !== 'string' || node.value.includes('\n')) return
      if (!plainText.test(node.value)) node.type = 'QUOTE_DOUBLE'
    },
  })
  return document
}

/** YAML of a new file. */
export function writeYaml(value: unknown): string {
  return documentOf(value).toString({ lineWidth: 0 })
}
