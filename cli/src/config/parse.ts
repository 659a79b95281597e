// Parses shopctl.yaml. Each mistake is reported with file, line, path and what was expected.
import type { z } from 'zod'
import { refused, type ShopctlError } from '../errors.ts'
import { type Config, configFile, configSchema } from './schema.ts'
import { type Path, readYaml } from './yaml.ts'

/** `file` is for messages only. Throws a refusal that lists the mistakes. */
export function parseConfig(text: string, file: string): Config {
  const yaml = readYaml(text)
  if ('message' in yaml) throw mistakes([`${file}:${yaml.place}: ${yaml.message}`])
  const where = (path: Path): string =>
    `${file}:${yaml.placeOf(path)}: ${path.join('.') || 'the file'}`
  const result = configSchema.safeParse(yaml.value)
  if (result.success) return { ...result.data, where }
  const found = result.error.issues.flatMap((issue) =>
    explain(issue).map(({ path, expected }) => `${where(path)}: ${expected}`),
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
