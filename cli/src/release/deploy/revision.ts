// The values and charts of a slot, and the revision that identifies it.
import { createHash } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import type { Config } from '../../config/schema.ts'
import { type Path, readYaml } from '../../config/yaml.ts'
import { refused } from '../../errors.ts'
import { requireService } from '../build/images.ts'
import { hashFiles } from '../build/inputs.ts'
import { canonical, isMap } from '../canonical.ts'
import type { ValuesFile } from '../kept.ts'
import { checkPath, type NamedPath, wrongPath } from '../paths.ts'
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
 * The same image, values and chart give the same revision, before the Secrets and ConfigMaps are added. The chart is
 * included, so that a change of the chart is also deployed to the standby slot. `replicas` is not: it changes no pod.
 */
export function revisionOf(parts: { digest: string; values: Values; chart: string }): string {
  const { replicas: _, ...values } = parts.values
  return hashOf({ ...parts, values }).slice(0, 10)
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
  await requireValues(source, config, ['services', service, 'values'], values)
  const special = join(dirname(values), environment, basename(values))
  const [found] = await source.files([special])
  return found === special ? [values, special] : [values]
}

const ignored = 'Name another path, or let git track it: what git ignores does not count.'

/** Refused unless there is such a values file. */
export async function requireValues(
  source: Source,
  config: Config,
  setting: Path,
  path: string,
): Promise<void> {
  const code = 'no-values'
  const named: NamedPath = { setting, path, noun: 'file', is: 'file', code, links: true }
  await checkPath(source, config, named)
  if ((await source.files([path])).includes(path)) return
  throw wrongPath(config, named, `git does not list ${path}`, ignored)
}

/** Refused unless there is such a chart. */
export async function requireChart(
  source: Source,
  config: Config,
  setting: Path,
  path: string,
): Promise<void> {
  const code = 'no-chart'
  const named: NamedPath = { setting, path, noun: 'chart', is: 'folder', code, links: false }
  await checkPath(source, config, named)
  if ((await source.files([path])).length > 0) return
  throw wrongPath(config, named, `git lists no file of ${path}`, ignored)
}

export function readTexts(source: Source, files: readonly string[]): Promise<ValuesFile[]> {
  return Promise.all(files.map(async (file) => ({ file, text: String(await source.read(file)) })))
}

export function mergedValues(files: readonly ValuesFile[]): Values {
  return files.reduce<Values>((merged, { file, text }) => {
    const content = parseYaml(file, text)
    return isMap(content) ? mergeValues(merged, content) : merged
  }, {})
}

/** `replicas` of the values files, or else of the chart's own values. null: neither has a number of pods. */
export async function readReplicas(
  source: Source,
  chart: string,
  files: readonly ValuesFile[],
): Promise<number | null> {
  const defaults = await readTexts(source, await source.files([join(chart, 'values.yaml')]))
  const { replicas } = mergedValues([...defaults, ...files])
  return typeof replicas === 'number' && Number.isInteger(replicas) && replicas > 0
    ? replicas
    : null
}

function parseYaml(file: string, text: string): unknown {
  // Helm takes tags as it likes.
  const yaml = readYaml(text, 'ignored')
  if (!('message' in yaml)) return yaml.value
  throw refused({
    code: 'bad-values',
    message: `${file}:${yaml.place}: ${yaml.message}`,
    hint: 'Correct it, then run the command again.',
  })
}

/** Hash over a chart's files. */
export async function hashChart(source: Source, chart: string): Promise<string> {
  return hashFiles(source, await source.files([chart]))
}
