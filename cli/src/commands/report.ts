// shopctl report
import type { Context } from '../context.ts'
import { refused } from '../errors.ts'
import { findOperation } from '../inspect/history.ts'
import { undoOf } from '../inspect/undo.ts'
import type { Result } from '../output/result.ts'
import { wrapped } from '../output/text.ts'
import { observe } from '../release/observe.ts'
import { type Figures, measures } from '../release/ports/figures.ts'
import type { Metrics } from '../release/ports/metrics.ts'
import { idOf, type Operation, operationsOf } from '../release/record.ts'
import { firstLine, reportPage } from '../report/page.ts'
import { type Covered, coveredBy } from '../report/times.ts'

/** All that it needs of it. */
export interface ReportContext extends Pick<Context, 'env' | 'environment' | 'clock' | 'pages'> {
  config: Pick<Context['config'], 'name'>
  cluster(): Promise<Parameters<typeof observe>[0] & { metrics: Pick<Metrics, 'figures'> | null }>
}

export interface ReportInput {
  /** `r-41` or `op-57`. */
  id: string
  /** null: named after the operation. */
  file: string | null
}

export async function reportCommand(
  context: ReportContext,
  { id, file }: ReportInput,
): Promise<Result> {
  const { env, config, clock, pages } = context
  const ports = await context.cluster()
  const state = await observe(ports)
  const operation = findOperation(state.journal, id)
  checkReportable(operation)
  const madeAt = clock.now()
  const covered = coveredBy(operation, madeAt)
  const figures = await figuresOf(context, ports.metrics, operation, covered)
  const page = reportPage({
    system: config.name,
    env,
    operation,
    madeAt,
    covered,
    figures,
    undo: undoOf(state, operation, env),
    others: operationsOf(state.journal),
  })
  const path = file ?? `${idOf(operation)}.html`
  await pages.write(path, page, firstLine)
  const missing = typeof figures === 'string' ? figures : null
  return {
    document: { version: 1, env, id: idOf(operation), file: path, figures: missing === null },
    text: (width) => wrapped(reportText(path, missing, covered), width),
    summary: `${idOf(operation)}: ${path}`,
  }
}

function reportText(path: string, missing: string | null, { completeAt }: Covered): string {
  if (missing !== null) return `${path} has the record, but no figures. ${missing}`
  if (completeAt === null) return `${path} has the record and its figures.`
  const when = completeAt.toISOString().slice(11, 19)
  return `${path} has the record and its figures so far. They are complete after ${when} UTC.`
}

const reportable: readonly string[] = ['switch', 'rollback', 'deploy'] satisfies Operation['verb'][]

function checkReportable(operation: Operation): void {
  const id = idOf(operation)
  if (!reportable.includes(operation.verb))
    throw refused({
      code: 'no-report',
      message: `${id} is a ${operation.verb}: a report is about a switch, a rollback or a deploy.`,
      hint: `Run \`shopctl history show ${id}\` to see all of it.`,
    })
}

/** A text: why there are none, and how to get them. */
async function figuresOf(
  { env, environment: { cluster } }: ReportContext,
  metrics: Pick<Metrics, 'figures'> | null,
  { services }: Operation,
  covered: Covered,
): Promise<Figures | string> {
  const again = 'then make the report again, while Prometheus still has this time'
  if (!metrics)
    return `The environment ${env} names no Prometheus. Set \`metrics\` for it in shopctl.yaml; it has figures from then on.`
  const found = await metrics.figures(
    covered,
    services.map(({ name }) => name),
  )
  if (!found) {
    const add =
      cluster === 'embedded'
        ? ' If it is not installed, run `shopctl platform up --with observability`.'
        : ''
    return `The Prometheus of ${env} was not there, or did not answer: see to it, ${again}.${add}`
  }
  const isEmpty = measures.every((measure) => found.lines[measure].length === 0)
  return isEmpty
    ? `The Prometheus of ${env} has nothing of these services from this time: it was not there, has dropped it, or does not read them with the label environment="${env}".`
    : found
}
