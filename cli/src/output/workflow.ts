// GitHub Actions: annotations, groups, the summary of the step, and its outputs.
import { randomUUID } from 'node:crypto'
import { appendFileSync, statSync } from 'node:fs'
import { isAbsolute, relative, resolve } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { said } from '../errors.ts'

export interface Workflow {
  /** Files of the step. undefined: the runner has none. */
  summaryFile: string | undefined
  outputFile: string | undefined
  /** The folder of the checkout. */
  workspace: string
}

/** null: this is no job of GitHub Actions. */
export function workflowOf(env: NodeJS.ProcessEnv): Workflow | null {
  if (env.GITHUB_ACTIONS !== 'true') return null
  return {
    summaryFile: env.GITHUB_STEP_SUMMARY,
    outputFile: env.GITHUB_OUTPUT,
    workspace: env.GITHUB_WORKSPACE || process.cwd(),
  }
}

export const currentWorkflow: Workflow | null = workflowOf(process.env)

/** GitHub shows this many annotations of a kind for one step. */
export const mostAnnotations = 10
/** The runner cuts a longer message. */
const mostCharacters = 4_000

type Kind = 'error' | 'warning' | 'group' | 'endgroup'

/** A line that the runner obeys. */
export function commandLine(
  kind: Kind,
  message = '',
  properties: Readonly<Record<string, string | number>> = {},
): string {
  const given = Object.entries(properties).map(([key, value]) => `${key}=${escapedProperty(value)}`)
  const text = escaped(stripVTControlCharacters(message).slice(0, mostCharacters))
  const list = given.length > 0 ? ` ${given.join()}` : ''
  return `::${kind}${list}::${text}\n`
}

/** As the runner takes it back. */
export function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function escapedProperty(value: string | number): string {
  return escaped(String(value)).replaceAll(':', '%3A').replaceAll(',', '%2C')
}

/** What another program printed must not be a command to the runner. */
export function harmless(text: string): string {
  return text
    .replaceAll(/^((?:(?![\r\n\u2028\u2029])\s)*):(?=:)/gm, '$1: ')
    .replaceAll('##[', '## [')
}

/** The same document. The runner finds this mark anywhere in a line. */
export function harmlessJson(text: string): string {
  return text.replaceAll('##[', String.raw`#\u0023[`)
}

/** The annotations of an error: one for each line that names a place in a file, or one for the whole. */
export function errorAnnotations(
  { message, hint }: { message: string; hint: string | null },
  { title, workspace }: { title: string; workspace: string },
): string[] {
  const places = message.split('\n').flatMap((line) => {
    const [, path, row, column, text] = /^(?: {2})?(\S[^:]*):(\d+):(\d+): (.*)$/.exec(line) ?? []
    const file = path && relative(workspace, resolve(path))
    if (!file || !row || !column || !text || file.startsWith('..') || isAbsolute(file)) return []
    return [commandLine('error', text, { title, file, line: row, col: column })]
  })
  return places.length > 0
    ? places.slice(0, mostAnnotations)
    : [commandLine('error', hint ? `${message}\n${hint}` : message, { title })]
}

/** A heading row, then the others. */
export type Rows = readonly (readonly string[])[]

/** In Markdown, nothing of the text is a mark. */
function plainMarkdown(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/\s+/g, (space) => (/[\r\n\t]/.test(space) ? ' ' : space))
    .replaceAll(/[\\`*_{}[\]<>|#~&]/g, String.raw`\$&`)
}

function markdownTable([heading = [], ...rows]: Rows): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(plainMarkdown).join(' | ')} |`
  return [line(heading), `|${' --- |'.repeat(heading.length)}`, ...rows.map(line)].join('\n')
}

export interface Section {
  /** `shopctl switch`. */
  title: string
  succeeded: boolean
  /** Lines of prose. */
  lines: readonly string[]
  tables: readonly Rows[]
}

function summaryMarkdown({ title, succeeded, lines, tables }: Section): string {
  const parts = [
    `### ${succeeded ? '✓' : '✗'} ${plainMarkdown(title)}`,
    ...lines.map(plainMarkdown),
    ...tables.map(markdownTable),
  ]
  return `${parts.join('\n\n')}\n\n`
}

/** GitHub drops the whole summary of a step if it is longer. */
const mostSummaryBytes = 1024 * 1024

/** Appends to the summary of the step. Where the tables do not fit, it says so; where nothing fits, it writes nothing. */
export function appendSummary({ summaryFile }: Workflow, section: Section): void {
  if (!summaryFile) return
  const room = mostSummaryBytes - sizeOf(summaryFile)
  const lines = [...section.lines, 'The table is too long for this page.']
  const shorter = { ...section, lines, tables: [] }
  const fits = [section, shorter]
    .map(summaryMarkdown)
    .find((text) => Buffer.byteLength(text) <= room)
  if (fits) appendFileSync(summaryFile, fits)
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

/** Sets outputs of the step, but for undefined ones. Any value is safe: nobody can guess the line that ends it. */
export function setOutputs(
  { outputFile }: Workflow,
  outputs: Readonly<Record<string, string | undefined>>,
): void {
  if (!outputFile) return
  for (const [name, value] of Object.entries(outputs)) {
    if (value === undefined) continue
    const end = `shopctl_${randomUUID()}`
    appendFileSync(outputFile, `${name}<<${end}\n${value}\n${end}\n`)
  }
}

/** The command is done already: a file of the runner that cannot be written is only a warning. */
export function orWarn(err: { write(text: string): unknown }, write: () => void): void {
  try {
    write()
  } catch (error) {
    err.write(commandLine('warning', `GitHub Actions has no result of shopctl: ${said(error)}`))
  }
}
