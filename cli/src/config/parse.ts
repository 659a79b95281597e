// Parses shopctl.yaml. Each mistake is reported with file, line, path and what was expected.
import type { z } from 'zod'
import { refused, type ShopctlError } from '../errors.ts'
import { type Config, configFile, configSchema } from './schema.ts'
import { type Path, readYaml } from './yaml.ts'

/** `file` is for messages only. Throws a refusal that lists the mistakes. */
export function parseConfig(text: string, file: string): Config {
  const yaml = readYaml(text)
  if ('message' in yaml) throw mistakes([`${file}:${yaml.place}: ${yaml.message}`])
  if (yaml.value === null) throw emptyFile(file)
  const where = (path: Path): string =>
    `${file}:${yaml.placeOf(path)}: ${path.join('.') || 'the file'}`
  const result = configSchema.safeParse(yaml.value, { error: inWords })
  if (result.success) return { ...result.data, where }
  // An anchor is checked at each of its aliases: its mistakes have one place and many paths.
  const found = new Map<string, string>()
  for (const { path, expected } of result.error.issues.flatMap(explain)) {
    const key = [yaml.placeOf(path), path.at(-1), expected].join(' ')
    if (!found.has(key)) found.set(key, `${where(path)}: ${expected}`)
  }
  throw mistakes([...found.values()])
}

function emptyFile(file: string): ShopctlError {
  return refused({
    code: 'bad-config',
    message: `${file} is empty.`,
    hint: 'Write `name`, `services` and `environments` into it, then run the command again.',
  })
}

function mistakes(lines: string[]): ShopctlError {
  return refused({
    code: 'bad-config',
    message: lines.slice(0, 5).join('\n  '),
    hint:
      lines.length > 5
        ? `Correct these and ${lines.length - 5} more, then run the command again.`
        : 'Correct it, then run the command again.',
  })
}

function explain(issue: z.core.$ZodIssue): { path: Path; expected: string }[] {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key], expected: 'there is no such setting' }))
  }
  if (issue.code === 'invalid_key') {
    return [{ path, expected: issue.issues[0]?.message ?? issue.message }]
  }
  if (issue.code === 'invalid_union') {
    // If the value has the type of one form only, this is the form that was meant.
    const meant = issue.errors.filter((issues) => !issues.some(isOtherType))
    if (meant.length === 1 && meant[0])
      return meant[0].flatMap(explain).map((each) => ({ ...each, path: [...path, ...each.path] }))
  }
  return [{ path, expected: issue.message }]
}

function isOtherType({ code, path }: z.core.$ZodIssue): boolean {
  return path.length === 0 && (code === 'invalid_type' || code === 'invalid_value')
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
  array: 'a list',
  object: 'a map',
  record: 'a map',
}

/** What was expected, where the schema does not say it itself. */
function inWords(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type') {
    const { expected, input } = issue
    const wanted = `expected ${typeWords[expected] ?? expected}`
    if (input === undefined) return `${wanted}; it is missing`
    if (input === null) return `${wanted}; it has no value`
    // A number that is no number is a fraction or infinite.
    const kind = Array.isArray(input) ? 'array' : typeof input
    return kind === 'number' && ['number', 'int'].includes(expected)
      ? wanted
      : `${wanted}, not ${typeWords[kind] ?? kind}`
  }
  if (issue.code === 'too_small') return tooSmallInWords(issue)
  return issue.code === 'too_big' ? `expected at most ${issue.maximum}` : undefined
}

function tooSmallInWords({ origin, minimum }: { origin: string; minimum: unknown }): string {
  if (origin === 'string') return 'expected text that is not empty'
  return origin === 'array' ? 'expected at least one item' : `expected at least ${minimum}`
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
