// Reads YAML of one document, and knows the place of each of its keys. What is no plain data is a mistake.
import { type Document, LineCounter, type Node, parseDocument, visit, type YAMLError } from 'yaml'
import { offsetOf } from '../yaml-place.ts'

export type Path = readonly (string | number)[]

export interface Yaml {
  value: unknown
  /** `line:column` of the key at `path`, or of its nearest parent that exists. */
  placeOf(path: Path): string
}

export interface YamlMistake {
  /** `line:column` */
  place: string
  message: string
}

const tooDeep = 'its values are nested too deeply'

/** `tags`: what to do with tags that only another program understands. */
export function readYaml(
  text: string,
  tags: 'refused' | 'ignored' = 'refused',
): Yaml | YamlMistake {
  const lines = new LineCounter()
  const placeAt = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${Math.max(line, 1)}:${Math.max(col, 1)}`
  }
  // A warning of the parser says that it did not understand a tag.
  let document: Document
  try {
    document = parseDocument(text, { lineCounter: lines, logLevel: 'error' })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return { place: '1:1', message: tooDeep }
  }
  const [broken] = [...document.errors, ...(tags === 'refused' ? document.warnings : [])]
  if (broken) return { place: placeAt(broken.pos[0]), message: wordsOf(broken) }
  const odd = oddNode(document)
  if (odd) return { place: placeAt(odd.node.range?.[0] ?? 0), message: odd.message }
  try {
    const value: unknown = document.toJS()
    return { value, placeOf: (path) => placeAt(offsetOf(document, path)) }
  } catch (error) {
    // Few aliases of aliases can stand for gigabytes.
    if (!(error instanceof ReferenceError)) throw error
    return {
      place: placeAt(firstAlias(document)),
      message: 'its aliases stand for too many values',
    }
  }
}

function wordsOf({ code, message }: YAMLError): string {
  if (code === 'MULTIPLE_DOCS') return 'expected one document'
  if (code === 'RESOURCE_EXHAUSTION') return tooDeep
  return message.split('\n')[0]?.replace(/ at line .*$/, '') ?? code
}

/** Valid YAML that no setting can be. */
function oddNode(document: Document): { node: Node; message: string } | null {
  let odd: { node: Node; message: string } | null = null
  visit(document, {
    Alias(_, node, parents) {
      const meant = node.resolve(document)
      if (!meant) odd = { node, message: `there is no anchor &${node.source} before this alias` }
      else if (parents.includes(meant))
        odd = { node, message: `the value of the anchor &${node.source} contains this alias` }
      return odd ? visit.BREAK : undefined
    },
    Scalar(key, node) {
      if (typeof node.value !== 'string') return
      if (node.value.includes('\0')) odd = { node, message: 'expected text without NUL' }
      if (key === 'key' && node.value === '__proto__')
        odd = { node, message: 'expected another name than __proto__' }
      return odd ? visit.BREAK : undefined
    },
  })
  return odd
}

function firstAlias(document: Document): number {
  let offset = 0
  visit(document, {
    Alias(_, { range }) {
      offset = range?.[0] ?? 0
      return visit.BREAK
    },
  })
  return offset
}
