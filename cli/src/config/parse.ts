// Parses shopctl.yaml. Each mistake is reported with file, line, path and what was expected.
import {
  type Document,
  isCollection,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  parseDocument,
} from 'yaml'
import type { z } from 'zod'
import { refused, type ShopctlError } from '../errors.ts'
import { type Config, configSchema } from './schema.ts'

export const configFile = 'shopctl.yaml'

/** `file` is for messages only. Throws a refusal that lists the mistakes. */
export function parseConfig(text: string, file: string): Config {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const [broken] = document.errors
  if (broken) {
    const { line, col } = lines.linePos(broken.pos[0])
    throw mistakes([
      `${file}:${line}:${col}: ${broken.message.split('\n')[0]?.replace(/ at line .*$/, '')}`,
    ])
  }
  const result = configSchema.safeParse(document.toJS())
  if (result.success) return result.data
  const found = result.error.issues.flatMap((issue) =>
    explain(issue).map(({ path, expected }) => {
      const { line, col } = lines.linePos(offsetOf(document, path))
      return `${file}:${line}:${col}: ${path.join('.') || 'the file'}: ${expected}`
    }),
  )
  throw mistakes(found)
}

function mistakes(lines: string[]): ShopctlError {
  return refused({
    code: 'bad-config',
    message: lines.slice(0, 5).join('\n'),
    hint:
      lines.length > 5
        ? `Correct these and ${lines.length - 5} more, then run the command again.`
        : 'Correct it, then run the command again.',
  })
}

type Path = readonly (string | number)[]

function explain(issue: z.core.$ZodIssue): { path: Path; expected: string }[] {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key], expected: 'there is no such setting' }))
  }
  if (issue.code === 'invalid_key') {
    return [{ path, expected: issue.issues[0]?.message ?? issue.message }]
  }
  const missing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined')
  const message = issue.message.replace(/^Invalid input: /, '')
  return [
    { path, expected: missing ? message.replace(/, received.*/, '; it is missing') : message },
  ]
}

/** Offset of the key at `path`, or of its nearest parent that exists. */
function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const parent = document.getIn(path.slice(0, length - 1), true)
    const last = path[length - 1]
    if (isMap(parent)) {
      const key = parent.items.find(
        ({ key }) => isScalar(key) && String(key.value) === String(last),
      )?.key
      if (isNode(key) && key.range) return key.range[0]
    }
    const node = isCollection(parent) ? parent.get(last, true) : undefined
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}

function nameOf(kind: string, wanted: string, known: readonly string[]): string {
  if (known.includes(wanted)) return wanted
  throw refused({
    code: `unknown-${kind}`,
    message: `There is no ${kind} "${wanted}" in ${configFile}.`,
    hint: `Choose from: ${known.join(', ')}.`,
  })
}

/** The settings of an environment. An unknown name is refused, with the known ones. */
export function environmentOf(config: Config, wanted: string): Config['environments'][string] {
  const name = nameOf('environment', wanted, Object.keys(config.environments))
  return config.environments[name] as Config['environments'][string]
}

/** Checks the names given with --service. */
export function checkServices(config: Config, wanted: readonly string[]): void {
  for (const name of wanted) nameOf('service', name, Object.keys(config.services))
}
