// shopctl history | history show
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { findOperation, type History, history, inOrder } from '../inspect/history.ts'
import type { historyDocument, operationDocument } from '../inspect/history-documents.ts'
import type { HistoryFilter } from '../inspect/history-filter.ts'
import { columnsOf, headingOf, measuredText, openLines } from '../inspect/measured.ts'
import { type Undo, undoOf } from '../inspect/undo.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { bad, duration, fitted, oneLine, wrapped } from '../output/text.ts'
import { freezeText } from '../release/freeze.ts'
import { alertText } from '../release/move/alerts.ts'
import { observe } from '../release/observe.ts'
import type { HandChange } from '../release/ports/config-repo.ts'
import { idOf, type Operation } from '../release/record.ts'
import { sideText } from './moved.ts'
import { probeLines } from './probed.ts'
import { watchText } from './watched.ts'

/** All that the two need of it. */
export type HistoryContext = Pick<Context, 'env' | 'chosen' | 'progress' | 'cluster'>

export async function historyCommand(
  context: HistoryContext,
  input: Omit<HistoryFilter, 'services'> & { limit: number },
): Promise<Result> {
  const { env, chosen: services } = context
  const shown = await history(await context.cluster(), { ...input, services })
  for (const name of shown.damaged)
    context.progress.warn(`the journal record ${name} cannot be read and was skipped`)
  const isFiltered = [services, input.verbs, input.outcomes].some((each) => each !== null)
  const document: z.infer<typeof historyDocument> = { version: 1, env, ...shown }
  return {
    document,
    text: (width) => historyText(shown, width, isFiltered),
    summary: `${shown.operations.length} operations`,
  }
}

export function historyText(
  shown: Pick<History, 'operations' | 'byHand'>,
  width: number,
  isFiltered = false,
): string {
  const entries = inOrder(shown)
  if (entries.length === 0)
    return isFiltered
      ? 'There is no such operation in the journal.'
      : 'This environment has no operations yet.'
  const rows = entries.map(({ operation, change }) =>
    operation ? operationRow(operation) : changeRow(change),
  )
  const heading = ['ID', 'VERB', 'STARTED (UTC)', 'OUTCOME', 'SERVICES', 'BY']
  return table([heading, ...rows], width)
}

function operationRow(operation: Operation): string[] {
  return [
    idOf(operation),
    verbText(operation),
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

/** As the command is called. */
function verbText({ verb }: Operation): string {
  return verb.replace('-', ' ')
}

function timeText(time: string): string {
  return time.slice(0, 19).replace('T', ' ')
}

function outcomeOf({ outcome, watch }: Operation): string {
  if (outcome === 'done') return watch?.outcome ? `done, ${watch.outcome}` : outcome
  return outcome === null ? 'open' : bad(outcome)
}

export async function historyShowCommand(
  context: HistoryContext,
  { id }: { id: string },
): Promise<Result> {
  const { env } = context
  const state = await observe(await context.cluster())
  const operation = findOperation(state.journal, id)
  const undo = undoOf(state, operation, env)
  const document: z.infer<typeof operationDocument> = { version: 1, env, operation, undo }
  return {
    document,
    text: (width) => operationText(operation, undo, width),
    summary: `${idOf(operation)} ${operation.verb} ${operation.outcome ?? 'open'}`,
  }
}

export function operationText(operation: Operation, undo: Undo, width: number): string {
  const tables = [
    proofTable(operation, width),
    operation.watch ? watchText(idOf(operation), operation.watch, width) : null,
    slotTable(operation, width),
    phaseTable(operation, width),
    hooksText(operation, width),
  ]
  const blocks = [headOf(operation, width), ...tables, undoText(undo, width)]
  return blocks.filter((block) => block !== null).join('\n\n')
}

function headOf(operation: Operation, width: number): string {
  const { startedAt, endedAt, by, run, reason, error, alerts = [], freeze } = operation
  const { resumes, despiteKeep } = operation
  const tookMs = endedAt === null ? Number.NaN : Date.parse(endedAt) - Date.parse(startedAt)
  const took = tookMs >= 0 ? `, ${duration(tookMs)}` : ''
  const lines = [
    `${idOf(operation)}  ${verbText(operation)}  ${outcomeOf(operation)}`,
    endedAt
      ? wrapped(`from ${startedAt} to ${endedAt}${took}`, width)
      : `from ${startedAt}, not ended`,
    wrapped(run ? `by ${by}, ${run}` : `by ${by}`, width),
    ...(reason ? [wrapped(`reason: ${fitted(oneLine(reason), 2_000)}`, width)] : []),
    ...alerts.map((alert) => wrapped(`in spite of ${oneLine(alertText(alert))}`, width)),
    ...(resumes ? [`resumes ${resumes}`] : []),
    ...(freeze ? [wrapped(`in a freeze, ${oneLine(freezeText(freeze))}`, width)] : []),
    ...(despiteKeep ? [`before the end of keep: ${despiteKeep}`] : []),
    ...(error ? ['', wrapped(error, width)] : []),
  ]
  return lines.join('\n')
}

function proofTable(operation: Operation, width: number): string | null {
  const { services } = operation
  if (services.length === 0) return null
  const measured = columnsOf(operation)
  const rows = services.map(({ name, from, to, proof }) => [
    name,
    sideText(from),
    sideText(to),
    ...measured.map((what) => measuredText(what, proof?.[what] ?? null)),
  ])
  const heading = ['SERVICE', 'FROM', 'TO', ...measured.map(headingOf)]
  const open = openLines(operation).map((line) => wrapped(line, width))
  return [table([heading, ...rows], width), ...open, ...probeLines(operation, width)].join('\n')
}

/** Each slot once, with what else was tested together with them. */
function slotTable({ services, combination = {} }: Operation, width: number): string | null {
  const sides = services.flatMap(({ name, from, to }) =>
    [from, to].flatMap((side) =>
      side ? [[`${name} ${sideText(side)}`, side.revision, side.digest]] : [],
    ),
  )
  const others = Object.entries(combination)
    .filter(([name]) => !services.some((service) => service.name === name))
    .map(([name, { revision, digest }]) => [`${name}, tested with`, revision, digest])
  const rows = [...sides, ...others]
  return rows.length > 0 ? table([['SLOT', 'REVISION', 'DIGEST'], ...rows], width) : null
}

function phaseTable({ phases }: Operation, width: number): string | null {
  if (phases.length === 0) return null
  const rows = phases.map(({ name, startedAt, tookMs }) => [
    name,
    startedAt?.slice(11, 23) ?? '-',
    duration(tookMs),
  ])
  return table([['PHASE', 'STARTED (UTC)', 'TOOK'], ...rows], width)
}

function hooksText({ hooks = [] }: Operation, width: number): string | null {
  if (hooks.length === 0) return null
  const rows = hooks.map(({ hook, script, exitCode, tookMs }) => [
    hook,
    script,
    endText(exitCode),
    duration(tookMs),
  ])
  const outputs = hooks
    .filter(({ output }) => output !== '')
    .map(({ hook, output }) => `${hook}:\n${output.replaceAll(/^/gm, '  ')}`)
  const lines = outputs.map((output) => wrapped(output, width))
  return [table([['HOOK', 'SCRIPT', 'ENDED', 'TOOK'], ...rows], width), ...lines].join('\n')
}

function endText(exitCode: number | null): string {
  if (exitCode === 0) return 'passed'
  return bad(exitCode === null ? 'not ended' : `exit code ${exitCode}`)
}

function undoText({ command, note }: Undo, width: number): string {
  const way = command === null ? [] : [`To undo this, run \`${command}\`.`]
  return wrapped([...way, note ?? ''].join(' ').trim(), width)
}
