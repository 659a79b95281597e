// What a slot is made of, and the hash that names it.
import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import type { Config } from '../config/schema.ts'
import { refused } from '../errors.ts'
import { hashFiles, requireService } from './images.ts'
import type { Source } from './ports.ts'

type Values = Record<string, unknown>

function isMap(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Maps are merged, everything else is replaced, null removes: as Helm does it with several files. */
export function mergeValues(base: Values, over: Values): Values {
  const merged: Values = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key]
    if (value === null) delete merged[key]
    else merged[key] = isMap(value) && isMap(before) ? mergeValues(before, value) : value
  }
  return merged
}

/** The same text for the same content, whatever the order of keys. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (!isMap(value)) return JSON.stringify(value) ?? 'null'
  const keys = Object.keys(value).sort()
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(',')}}`
}

/**
 * Names a slot: the same image, configuration and chart give the same revision. The chart is part of it, so that
 * a change of it, too, reaches the cluster by way of the standby slot.
 */
export function revisionOf(parts: { digest: string; values: Values; chart: string }): string {
  return createHash('sha256').update(canonical(parts)).digest('hex').slice(0, 10)
}

/** The values files of a service, the stronger ones last; the one of the environment may be missing. */
export async function valuesFiles(
  source: Source,
  config: Config,
  environment: string,
  service: string,
): Promise<string[]> {
  const { values } = requireService(config, service)
  const special = join(dirname(values), environment, values.slice(dirname(values).length + 1))
  const found = await source.files([values, special])
  if (!found.includes(values)) {
    throw refused({
      code: 'no-values',
      message: `shopctl.yaml: services.${service}.values: there is no file ${values}.`,
      hint: 'Mend the path, or write the file; one that git ignores does not count.',
    })
  }
  return [values, special].filter((file) => found.includes(file))
}

export async function readValues(source: Source, files: readonly string[]): Promise<Values> {
  let merged: Values = {}
  for (const file of files) {
    const content: unknown = parseYaml(file, String(await source.read(file)))
    if (isMap(content)) merged = mergeValues(merged, content)
  }
  return merged
}

function parseYaml(file: string, text: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    throw refused({
      code: 'bad-values',
      message: `${file}: ${error instanceof Error ? error.message.split('\n')[0] : error}`,
      hint: 'Mend the file and run the command again.',
      cause: error,
    })
  }
}

/** Hash over a chart's files. */
export async function hashChart(source: Source, chart: string): Promise<string> {
  return hashFiles(source, await source.files([chart]))
}
