// shopctl history | history show
import type { Context } from '../context.ts'
import { findOperation, type History, history, inOrder } from '../inspect/history.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { bad, duration, fitted, oneLine, wrapped } from '../output/text.ts'
import { alertText } from '../release/move/alerts.ts'
import type { HandChange } from '../release/ports/config-repo.ts'
import { idOf, type Operation } from '../release/record.ts'
import { sideText } from './moved.ts'

export async function historyCommand(
  context: Context,
  { limit }: { limit: number },
): Promise<Result> {
  const { operations, byHand, damaged } = await history(await context.cluster(), limit)
  for (const name of damaged)
    context.progress.warn(`the journal record ${name} cannot be read and was skipped`)
  return {
    document: { version: 1, env: context.env, operations, byHand, damaged },
    text: (width) => historyText({ operations, byHand }, width),
    summary: `${operations.length} operations`,
  }
}

export function historyText(shown: Pick<History, 'operations' | 'byHand'>, width: number): string {
  const entries = inOrder(shown)
  if (entries.length === 0) return 'This environment has no operations yet.'
  const rows = entries.map(({ operation, change }) =>
    operation ? operationRow(operation) : changeRow(change),
  )
  const heading = ['ID', 'VERB', 'STARTED (UTC)', 'OUTCOME', 'SERVICES', 'BY']
  return table([heading, ...rows], width)
}

function operationRow(operation: Operation): string[] {
  return [
    idOf(operation),
    operation.verb,
    timeText(operation.startedAt),
    outcomeOf(operation),
    operation.services.map(({ name }) => name).join(' '),
    operation.by,
  ]
}

function changeRow({ commit, date, changes, subject, author }: HandChange): string[] {
  const what = changes.length > 0 ? changes.join(', ') : subject
  return [commit.slice(0, 12), 'by hand', timeText(date), '-', oneLine(what), oneLine(author)]
}

function timeText(time: string): string {
  return time.slice(0, 19).replace('T', ' ')
}

function outcomeOf({ outcome }: Operation): string {
  if (outcome === 'done') return outcome
  return outcome === null ? 'open' : bad(outcome)
}

export async function historyShowCommand(
  context: Context,
  { id }: { id: string },
): Promise<Result> {
  const { journal } = await context.cluster()
  const operation = await findOperation(journal, id)
  return {
    document: { version: 1, env: context.env, operation },
    text: (width) => operationText(operation, width),
    summary: `${idOf(operation)} ${operation.verb} ${operation.outcome ?? 'open'}`,
  }
}

export function operationText(operation: Operation, width: number): string {
  const {
    verb,
    startedAt,
    endedAt,
    by,
    run,
    reason,
    services,
    phases,
    error,
    alerts = [],
  } = operation
  const lines = [
    `${idOf(operation)}  ${verb}  ${outcomeOf(operation)}`,
    endedAt ? `from ${startedAt} to ${endedAt}` : `from ${startedAt}, not ended`,
    wrapped(run ? `by ${by}, ${run}` : `by ${by}`, width),
    ...(reason ? [wrapped(`reason: ${fitted(oneLine(reason), 2_000)}`, width)] : []),
    ...alerts.map((alert) => wrapped(`in spite of ${oneLine(alertText(alert))}`, width)),
    ...(error ? ['', wrapped(error, width)] : []),
  ]
  const measured = [...new Set(services.flatMap(({ proof }) => Object.keys(proof ?? {})))]
  const rows = services.map(({ name, from, to, proof }) => [
    name,
    sideText(from),
    sideText(to),
    ...measured.map((what) => measuredText(what, proof?.[what] ?? null)),
  ])
  const heading = ['SERVICE', 'FROM', 'TO', ...measured.map(headingOf)]
  const tables = [table([heading, ...rows], width)]
  if (phases.length > 0) {
    const took = phases.map(({ name, tookMs }) => [name, duration(tookMs)])
    tables.push(table([['PHASE', 'TOOK'], ...took], width))
  }
  return [...lines, ...tables.flatMap((each) => ['', each])].join('\n')
}

/** As `switch` and `rollback` show them. */
const headings = new Map([
  ['endpointsMs', 'HTTP'],
  ['consumersMs', 'EVENTS'],
])

/** `endpointsMs` → `HTTP`, `epoch` → `EPOCH`. */
function headingOf(name: string): string {
  return headings.get(name) ?? name.replaceAll(/[A-Z]/g, (letter) => ` ${letter}`).toUpperCase()
}

function measuredText(name: string, value: string | number | null): string {
  if (value === null) return '-'
  return headings.has(name) ? `${value} ms` : String(value)
}
