// Prints an error: the message, the hint, and with --verbose the stack. In a workflow, its annotations too.
import { type Check, ShopctlError, said } from '../errors.ts'
import { painted, type Streams, standardStreams, widthOf } from './terminal.ts'
import { bad, folded, marked } from './text.ts'
import {
  appendSummary,
  commandLine,
  currentWorkflow,
  errorAnnotations,
  harmless,
  harmlessJson,
  orWarn,
  type Workflow,
} from './workflow.ts'

/** An error as --json prints it. */
export interface ErrorDocument {
  code: string
  message: string
  hint: string | null
}

interface FormattedError {
  exitCode: number
  /** For stderr: what is wrong and what to do; what another program printed about it stands between. */
  text: string
  /** For stdout with --json. */
  document: { version: 1; error: ErrorDocument; checks?: readonly Check[] }
}

interface ReportOptions {
  json: boolean
  verbose: boolean
  /** `shopctl switch`. */
  title: string
}

/** Writes the error to stderr, and with --json to stdout too. Returns the exit code. */
export function report(
  error: unknown,
  { json, verbose, title }: ReportOptions,
  { out, err }: Streams = standardStreams,
  workflow: Workflow | null = currentWorkflow,
): number {
  const { exitCode, text, document } = formatError(error, { verbose, width: widthOf(err) })
  if (json) {
    const line = JSON.stringify(document)
    out.write(`${workflow ? harmlessJson(line) : line}\n`)
  }
  const shown = painted(text, err)
  if (workflow) {
    err.write(`${grouped(harmless(shown))}\n`)
    const annotations = errorAnnotations(document.error, { ...workflow, title })
    for (const line of annotations) err.write(line)
    orWarn(err, () => summarize(document.error, title, workflow))
  } else err.write(`${shown}\n`)
  return exitCode
}

/** A text with more lines is folded in the log of a workflow. */
const mostLines = 10

function grouped(text: string): string {
  const [first, ...rest] = text.split('\n')
  return rest.length < mostLines
    ? text
    : [`${first}\n${commandLine('group', 'Details')}${rest.join('\n')}`, '::endgroup::'].join('\n')
}

function summarize({ message, hint }: ErrorDocument, title: string, workflow: Workflow): void {
  const lines = [...message.split('\n').slice(0, mostLines), ...(hint ? [hint] : [])]
  appendSummary(workflow, { title, succeeded: false, lines, tables: [] })
}

export function errorDocument(error: unknown): ErrorDocument {
  if (error instanceof ShopctlError) {
    const { code, message, hint } = error
    return { code, message, hint: hint ?? null }
  }
  return {
    code: 'bug',
    message: `shopctl has a bug: ${said(error)}`,
    hint: 'Run the same command with --verbose, and send its output to the maintainers.',
  }
}

export function exitCodeOf(error: unknown): number {
  return error instanceof ShopctlError ? error.exitCode : 1
}

export function formatError(
  error: unknown,
  { verbose, width }: { verbose: boolean; width: number },
): FormattedError {
  const document = errorDocument(error)
  const { message, hint } = document
  const checks = error instanceof ShopctlError ? error.checks : undefined
  // The lines after the first are the output of another program. They are not folded.
  const [first = '', ...printed] = message.split('\n')
  const lines = [
    marked(bad('✗'), first, width),
    ...printed,
    ...(hint ? [folded(`  ${hint}`, width)] : []),
    ...otherRefusals(checks ?? [], width),
    ...(verbose && error instanceof Error ? [stackOf(error)] : []),
  ]
  return {
    exitCode: exitCodeOf(error),
    text: lines.join('\n'),
    document: { version: 1, error: document, ...(checks && { checks }) },
  }
}

/** The error is about the first one. */
function otherRefusals(checks: readonly Check[], width: number): string[] {
  const [, ...others] = checks.filter(({ state }) => state === 'refused')
  return others.flatMap(({ message, hint }) => [
    marked(bad('✗'), message, width),
    ...(hint ? [folded(`  ${hint}`, width)] : []),
  ])
}

function stackOf(error: Error): string {
  return error.cause instanceof Error
    ? `${error.stack}\ncaused by ${stackOf(error.cause)}`
    : (error.stack ?? '')
}
