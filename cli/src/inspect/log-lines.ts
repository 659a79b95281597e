// What log lines say, and their order. Pure.

import { byCodeUnits } from '../release/canonical.ts'
import type { RawLine } from '../release/ports/logs.ts'
import { parseJson } from './accounting.ts'

export interface Line {
  /** RFC 3339 in UTC, with nine digits after the second: it sorts as text. What the line itself says, where it does. */
  time: string
  service: string
  color: string | null
  version: string | null
  pod: string
  level: string | null
  message: string
  /** What else the line says, such as `orderId`. */
  fields: Record<string, unknown>
}

const timePattern = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/

/** null: it is no time. */
export function normalTime(time: string): string | null {
  const [, seconds, digits = '', zone] = timePattern.exec(time) ?? []
  const at = new Date(`${seconds}${zone}`)
  if (Number.isNaN(at.getTime())) return null
  return `${at.toISOString().slice(0, 19)}.${digits.padEnd(9, '0')}Z`
}

/** What each line of a pod repeats, or what the line already shows. */
const known = new Set([
  'level',
  'time',
  'msg',
  'message',
  'service',
  'color',
  'version',
  'revision',
  'pod',
  'pid',
  'hostname',
])

/** A line of JSON as pino and others write it, or any other text. */
export function lineOf({ time, service, color, pod, text }: RawLine): Line {
  const object = objectIn(text)
  const common = { time: timeOf(object, normalTime(time) ?? time), service, color, pod }
  const message = textOf(object?.msg) ?? textOf(object?.message)
  if (!object || message === null)
    return { ...common, version: null, level: null, message: text.trimEnd(), fields: {} }
  const rest = Object.entries(object).filter(([name]) => !known.has(name))
  return {
    ...common,
    version: textOf(object.version),
    level: textOf(object.level),
    message,
    fields: Object.fromEntries(rest),
  }
}

/** How long a line may wait in its process. An own time that is further off is another clock, or no time of the line. */
const waitMs = 10_000

/** Lines that are written together arrive together: when they were read does not tell their order. */
function timeOf(object: Record<string, unknown> | null, read: string): string {
  const own = normalTime(textOf(object?.time) ?? '')
  if (own === null) return read
  const wait = Date.parse(read) - Date.parse(own)
  return wait >= 0 && wait <= waitMs ? own : read
}

function objectIn(text: string): Record<string, unknown> | null {
  return text.startsWith('{') ? (parseJson(text) as Record<string, unknown> | null) : null
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

/** A line that was read twice has one key. */
export function keyOf({ time, pod, text, place }: RawLine): string {
  const at = normalTime(time) ?? time
  return place ? `${place.file} ${place.offset} ${at}` : `${pod} ${at} ${text}`
}

/** Each line once, the oldest first. Lines of one pod and one moment stay in order. */
export function inOrder(lines: readonly RawLine[]): RawLine[] {
  const each = new Map(lines.map((line) => [keyOf(line), line]))
  const sorted = [...each.values()].map((line) => {
    const read = normalTime(line.time) ?? ''
    return { line, read, at: timeOf(objectIn(line.text), read) }
  })
  sorted.sort(
    (a, b) =>
      byCodeUnits(a.at, b.at) ||
      byCodeUnits(a.line.pod, b.line.pod) ||
      byCodeUnits(a.read, b.read) ||
      (a.line.place?.offset ?? 0) - (b.line.place?.offset ?? 0),
  )
  return sorted.map(({ line }) => line)
}

/** Whether a line has this text, and this word: no letter, digit, dash or underscore beside it. */
export function matcherOf(text: string | null, word: string | null): (line: string) => boolean {
  const literal = word?.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  const pattern =
    literal === undefined ? null : new RegExp(String.raw`(?<![\w-])${literal}(?![\w-])`)
  return (line) => (text === null || line.includes(text)) && (pattern?.test(line) ?? true)
}
