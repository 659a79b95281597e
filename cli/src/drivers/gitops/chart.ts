// A chart as the config repo keeps it; pure.
import { createHash } from 'node:crypto'
import { refused } from '../../errors.ts'
import { isMap } from '../../release/canonical.ts'
import type { ChartFile } from '../../release/ports/driver.ts'
import { withoutIgnored } from '../helmignore.ts'
import { reservedKeys } from './layout.ts'
import { readYamlFile } from './yaml.ts'

/** A chart that is part of another one. */
export interface Vendored {
  name: string
  version: string
  /** 12 digits of a hash over its files. */
  hash: string
  files: readonly ChartFile[]
  /** Switches that its values set for its own dependencies. Helm reads them at the top only. */
  tags: unknown
}

const schemaFile = 'values.schema.json'

/** `folder` is for messages. Refused if it is no chart. */
export function vendor(all: readonly ChartFile[], folder: string): Vendored {
  const file = `${folder}/Chart.yaml`
  const chart = textOf(all, 'Chart.yaml')
  if (chart === null) throw badChart(`${file} is missing.`)
  const { name, version } = readYamlFile(chart, file).values
  if (typeof name !== 'string' || typeof version !== 'string')
    throw badChart(`${file} needs the texts \`name\` and \`version\`.`)
  if (reservedKeys.includes(name) || !/^[A-Za-z0-9][\w.-]*$/.test(name))
    throw badChart(`${file}: a chart cannot be named ${JSON.stringify(name)}.`)
  // Helm reads .helmignore of the outermost chart only, so what it names must not come along.
  const files = withoutIgnored(all)
    .map((each) =>
      each.path === schemaFile ? { ...each, content: openSchema(each.content) } : each,
    )
    .toSorted((one, other) => (one.path < other.path ? -1 : 1))
  const values = textOf(all, 'values.yaml')
  const tags =
    values === null ? undefined : readYamlFile(values, `${folder}/values.yaml`).values.tags
  return { name, version, hash: hashOf(files), files, tags }
}

function badChart(message: string): Error {
  return refused({
    code: 'bad-chart',
    message,
    hint: 'Correct the chart, then run the command again.',
  })
}

function textOf(files: readonly ChartFile[], path: string): string | null {
  const found = files.find((file) => file.path === path)
  return found ? Buffer.from(found.content).toString('utf8') : null
}

/** 12 digits over its files, in order of their paths. */
export function hashOf(files: readonly ChartFile[]): string {
  const hash = createHash('sha256')
  for (const { path, content } of files) hash.update(`${path}\0${content.length}\0`).update(content)
  return hash.digest('hex').slice(0, 12)
}

/**
 * Helm gives each chart inside another one the value `global`, which a strict schema refuses. Other rules of the schema
 * stay.
 */
function openSchema(content: Uint8Array): Uint8Array {
  const schema = parsed(content)
  if (!isMap(schema)) return content
  const { properties = {}, additionalProperties = true, unevaluatedProperties = true } = schema
  const isOpen = additionalProperties === true && unevaluatedProperties === true
  if (isOpen || !isMap(properties) || 'global' in properties) return content
  const opened = { ...schema, properties: { ...properties, global: { type: 'object' } } }
  return Buffer.from(`${JSON.stringify(opened, null, 2)}\n`)
}

function parsed(content: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(content).toString('utf8'))
  } catch {
    return null
  }
}
