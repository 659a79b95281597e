// shopctl audit
import type { Context } from '../context.ts'
import { failed, refused } from '../errors.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { bad, good } from '../output/text.ts'
import { type Audit, audit } from '../release/audit.ts'
import type { Plane } from '../release/ports.ts'
import { awaitQuiet } from '../release/quiet.ts'

export interface AuditInput {
  plane: Plane
  /** How long to wait for quiet first, null: not at all. */
  waitMs: number | null
}

export async function auditCommand(
  context: Context,
  { plane, waitMs }: AuditInput,
): Promise<Result> {
  const { config, env, environment, programs, progress, scratch, clock, signal } = context
  if (config.audit === undefined) {
    throw refused({
      code: 'no-audit',
      message: 'shopctl.yaml names no script that sums up.',
      hint: 'Write a zx script, and name it there with `audit:`.',
    })
  }
  const cluster = await context.cluster()
  if (waitMs !== null) {
    await progress.step('wait for quiet', (say) =>
      awaitQuiet({ cluster, clock, signal }, { plane, timeoutMs: waitMs }, say),
    )
  }
  const ports = { cluster, programs, progress, scratch, signal }
  const quiet = waitMs !== null
  const intent = { plane, namespace: environment.namespace, quiet, script: config.audit }
  const sum = await audit(ports, await cluster.read(), intent)
  const document = { version: 1, env, ...sum }
  const result = {
    document,
    text: () => auditText(sum, { env, plane }),
    summary: sum.balanced ? 'The books balance.' : 'The books do not balance.',
  }
  if (sum.balanced) return result
  const failure = failed({
    code: 'not-balanced',
    message: `The books do not balance: ${rulesOf(sum)}.`,
    hint: '`shopctl messages list` shows events that got stuck; services tell of an order in their logs.',
  })
  return { ...result, failure }
}

function rulesOf({ violations }: Audit): string {
  return (
    violations
      .slice(0, 3)
      .map(({ rule }) => rule)
      .concat(violations.length > 3 ? [`and ${violations.length - 3} more`] : [])
      .join('; ') || 'the script says so, and names no rule'
  )
}

const shownIds = 10
const shownEpochs = 3
/** Of 80 columns, beside the names. */
const sumsWidth = 70

export function auditText(sum: Audit, { env, plane }: { env: string; plane: Plane }): string {
  const { orders, captures, refunds, notifications, stock } = sum
  const { outbox, queued, parked, duplicatesRefused } = sum
  const verdict = sum.balanced ? good('balanced') : bad('NOT BALANCED')
  const sums = table([
    ...rows('orders', orders),
    ...rows('payments', { captures, refunds }),
    ...rows('mail', { notifications }),
    ...rows('stock', stock),
    ...rows('events', { outbox, queued, parked, 'duplicates refused': duplicatesRefused }),
  ])
  return [
    `${env}  ${plane} plane  ${verdict}`,
    '',
    sums,
    '',
    epochTable(sum),
    ...sum.violations.map(violationText),
  ].join('\n')
}

/** In as many lines as it takes. What a script adds that is no number is shown only with --json. */
function rows(name: string, sums: Record<string, unknown>): string[][] {
  const lines: string[] = []
  for (const [what, value] of Object.entries(sums)) {
    if (typeof value !== 'number') continue
    const line = `${lines.at(-1) ?? ''}  ${value} ${what}`.trim()
    if (lines.length > 0 && line.length <= sumsWidth) lines[lines.length - 1] = line
    else lines.push(`${value} ${what}`)
  }
  return lines.map((line, index) => [index === 0 ? name.toUpperCase() : '', line])
}

/** The latest of each service; the first ones are history. */
function epochTable({ byEpoch }: Audit): string {
  const services = [...new Set(byEpoch.map(({ service }) => service))]
  const rows = services.flatMap((service) => {
    const all = byEpoch
      .filter((each) => each.service === service)
      .sort((a, b) => (a.epoch ?? 0) - (b.epoch ?? 0))
    const earlier = all.slice(0, -shownEpochs)
    const handled = earlier.reduce((sum, each) => sum + each.handled, 0)
    const last = all
      .slice(-shownEpochs)
      .map(({ epoch, color, handled }) => [service, `${epoch ?? '-'}`, color ?? '-', `${handled}`])
    return earlier.length > 0
      ? [[service, `to ${earlier.at(-1)?.epoch ?? '-'}`, '', `${handled}`], ...last]
      : last
  })
  return table([['SERVICE', 'EPOCH', 'SLOT', 'EVENTS HANDLED'], ...rows])
}

function violationText({ rule, orders, count }: Audit['violations'][number]): string {
  const shown = orders.slice(0, shownIds)
  const more = (count ?? orders.length) - shown.length
  const lines: string[] = []
  // Two ids of 36 characters go into a line.
  for (let from = 0; from < shown.length; from += 2)
    lines.push(`    ${shown.slice(from, from + 2).join('  ')}`)
  if (more > 0) lines.push(`    and ${more} more`)
  return ['', `${bad('✗')} ${rule}`, ...lines].join('\n')
}
