// The values and charts of a slot, and the revision that identifies it.
import { createHash } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { parse } from 'yaml'
import type { Config } from '../../config/schema.ts'
import { refused } from '../../errors.ts'
import { hashFiles, requireService } from '../build/images.ts'
import { canonical, isMap } from '../canonical.ts'
import type { Source } from '../ports/project.ts'

type Values = Record<string, unknown>

/** Merges as Helm does with several files: maps are merged, other values replaced, null removes a key. */
function mergeValues(base: Values, over: Values): Values {
  const merged: Values = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key]
    if (value === null) delete merged[key]
    else merged[key] = isMap(value) && isMap(before) ? mergeValues(before, value) : value
  }
  return merged
}

/**
 * Identifies a slot: the same image, values and chart give the same revision. The chart is included, so that a change
 * of the chart is also deployed to the standby slot.
 */
export function revisionOf(parts: { digest: string; values: Values; chart: string }): string {
  return hashOf(parts).slice(0, 10)
}

export function hashOf(content: unknown): string {
  return createHash('sha256').update(canonical(content)).digest('hex')
}

/** The values files of a service; later files override earlier ones. The environment's own file is optional. */
export async function valuesFiles(
  source: Source,
  config: Config,
  environment: string,
  service: string,
): Promise<string[]> {
  const { values } = requireService(config, service)
  if (values === undefined) return []
  const special = join(dirname(values), environment, basename(values))
  const found = await source.files([values, special])
  if (!found.includes(values)) {
    throw refused({
      code: 'no-values',
      message: `shopctl.yaml: services.${service}.values: there is no file ${values}.`,
      hint: 'Fix the path or create the file, then run the command again. Files that git ignores do not count.',
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
      hint: 'Fix the file, then run the command again.',
      cause: error,
    })
  }
}

/** Hash over a chart's files. */
export async function hashChart(source: Source, chart: string): Promise<string> {
  const files = await source.files([chart])
  if (files.length > 0) return hashFiles(source, files)
  throw refused({
    code: 'no-chart',
    message: `shopctl.yaml: there is no chart ${chart}.`,
    hint: 'Fix the path or create the chart, then run the command again. Files that git ignores do not count.',
  })
}
