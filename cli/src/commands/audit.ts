// shopctl audit
import type { Context } from '../context.ts'
import { failed, refused } from '../errors.ts'
import { type Audit, audit } from '../inspect/audit.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { bad, good, marked, wrapped } from '../output/text.ts'
import { besideBroker } from '../release/broker-problems.ts'
import { isMap } from '../release/canonical.ts'
import { checkScript } from '../release/paths.ts'
import type { Plane } from '../release/ports/cluster.ts'

interface AuditCommandInput {
  plane: Plane
  /** How long to wait until nothing is in flight, null: not at all. */
  waitMs: number | null
}

export async function auditCommand(
  context: Context,
  { plane, waitMs }: AuditCommandInput,
): Promise<Result> {
  const { config, env, environment } = context
  if (config.audit === undefined) {
    throw refused({
      code: 'no-audit',
      message: 'shopctl.yaml names no audit script.',
      hint: 'Write a zx script, set `audit:` in shopctl.yaml to its path, then run `shopctl audit` again.',
    })
  }
  await checkScript(context.source, config, ['audit'], config.audit)
  const ports = await context.cluster()
  const namespaceName = environment.namespace
  const auditing = audit(ports, { plane, waitMs, namespaceName, script: config.audit })
  const sum = await besideBroker(ports, auditing)
  return {
    document: { version: 1, env, ...sum },
    text: (width) => auditText(sum, { env, plane }, width),
    summary: sum.balanced ? 'balanced' : `not balanced: ${rulesOf(sum)}`,
    ...(!sum.balanced && { failure: notBalanced(sum) }),
  }
}

function notBalanced(sum: Audit) {
  return failed({
    code: 'not-balanced',
    message: `The accounts do not balance: ${rulesOf(sum)}.`,
    hint: 'Run `shopctl messages list` to see stuck messages, and read the logs of the services.',
  })
}

function rulesOf({ violations }: Audit): string {
  return (
    violations
      .slice(0, 3)
      .map(({ rule }) => rule)
      .concat(violations.length > 3 ? [`and ${violations.length - 3} more`] : [])
      .join('; ') || 'the script reports it without a rule'
  )
}

const shownIds = 10
const shownRows = 12

/** The sections of the script's document: numbers, tables, then the violations. */
export function auditText(
  { balanced, violations, ...sections }: Audit,
  { env, plane }: { env: string; plane: Plane },
  width: number,
): string {
  const verdict = balanced ? good('balanced') : bad('NOT BALANCED')
  const sums = numbersOf(sections)
  const tables = Object.values(sections).filter(isRows)
  return [
    `${env}  ${plane} plane  ${verdict}`,
    '',
    table(sums.flatMap(([name, numbers]) => numberRows(name, numbers, width))),
    ...tables.flatMap((rows) => ['', rowTable(rows, width)]),
    ...violations.map((violation) => violationText(violation, width)),
  ].join('\n')
}

/** Each map of numbers under its name, then the single numbers as `totals`. */
function numbersOf(sections: Record<string, unknown>): [string, Record<string, number>][] {
  const numbersIn = (map: Record<string, unknown>): Record<string, number> =>
    Object.fromEntries(
      Object.entries(map).filter(
        (entry): entry is [string, number] => typeof entry[1] === 'number',
      ),
    )
  const named = Object.entries(sections).flatMap(
    ([name, value]): [string, Record<string, number>][] =>
      isMap(value) ? [[name, numbersIn(value)]] : [],
  )
  return [...named, ['totals', numbersIn(sections)] as [string, Record<string, number>]].filter(
    ([, numbers]) => Object.keys(numbers).length > 0,
  )
}

/** The numbers of a section, folded to the width. */
function numberRows(name: string, numbers: Record<string, number>, width: number): string[][] {
  const room = Math.min(width, 80) - 10
  const lines: string[] = []
  for (const [what, value] of Object.entries(numbers)) {
    const part = `${value} ${inWords(what)}`
    const line = `${lines.at(-1) ?? ''}  ${part}`.trim()
    if (lines.length > 0 && line.length <= room) lines[lines.length - 1] = line
    else lines.push(part)
  }
  return lines.map((line, index) => [index === 0 ? name.toUpperCase() : '', line])
}

/** `duplicatesRefused` → `duplicates refused`. */
function inWords(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function isRows(value: unknown): value is Record<string, unknown>[] {
  return Array.isArray(value) && value.length > 0 && value.every(isMap)
}

function cellOf(value: unknown): string {
  if (typeof value === 'string') return value
  return value === null || value === undefined ? '-' : JSON.stringify(value)
}

/** A table of the last rows. */
function rowTable(rows: readonly Record<string, unknown>[], width: number): string {
  const columns = [...new Set(rows.flatMap(Object.keys))].filter((column) =>
    rows.some((row) => !isMap(row[column]) && !Array.isArray(row[column])),
  )
  const shown = rows.slice(-shownRows)
  const earlier = rows.length - shown.length
  const cells = shown.map((row) => columns.map((column) => cellOf(row[column])))
  const heading = columns.map((column) => inWords(column).toUpperCase())
  const more = earlier > 0 ? [`and ${earlier} earlier, with --json`] : []
  return [table([heading, ...cells], width), ...more].join('\n')
}

function violationText(
  { rule, count, ...named }: Audit['violations'][number],
  width: number,
): string {
  const ids = Object.values(named)
    .filter((value): value is string[] => Array.isArray(value))
    .flat()
  const shown = ids.slice(0, shownIds)
  const more = (count ?? ids.length) - shown.length
  return [
    '',
    marked(bad('✗'), rule, width),
    ...(shown.length > 0 ? [wrapped(`    ${shown.join(' ')}`, width)] : []),
    ...(more > 0 ? [`    and ${more} more`] : []),
  ].join('\n')
}
