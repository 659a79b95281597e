// The result of a command, and how it is shown: at a terminal, as JSON, in a workflow.
import type { ShopctlError } from '../errors.ts'
import { report } from './errors.ts'
import { painted, type Streams, standardStreams, widthOf } from './terminal.ts'
import {
  appendSummary,
  currentWorkflow,
  harmless,
  harmlessJson,
  orWarn,
  type Rows,
  setOutputs,
  type Workflow,
} from './workflow.ts'

/** A result in three forms: for programs, for people, for a summary. */
export interface Result {
  /** Printed with --json. It has `version: 1`. */
  document: object
  /** Lines of at most `width` columns. */
  text(width: number): string
  /** One line, for the summary of a workflow or for a notification. */
  summary: string
  /** The tables of the text, for the summary of a workflow. */
  tables?: readonly Rows[]
  /** The document may hold data of customers: it is printed, and sent to nobody. */
  isPrivate?: true
  /** For later steps of a workflow. */
  outputs?: Outputs
  /** Printed after the result. The command ends with its exit code. */
  failure?: ShopctlError
}

export interface Outputs {
  /** Digest of the image, by service. */
  digests?: Readonly<Record<string, string>>
  /** What was pushed, as an attestation names its subject. */
  images?: readonly { name: string; digest: string; registry: string }[]
  release?: string
  /** Color of the slot that was deployed or made live, by service. */
  colors?: Readonly<Record<string, string>>
  /** Services that a deploy has made ready to go live. None: a workflow has nothing to test and to switch. */
  standby?: readonly string[]
}

export interface ShowOptions {
  json: boolean
  verbose: boolean
  /** `shopctl switch`. */
  title: string
}

/** Returns the exit code. */
export function show(
  result: Result,
  { json, verbose, title }: ShowOptions,
  streams: Streams = standardStreams,
  workflow: Workflow | null = currentWorkflow,
): number {
  const { out, err } = streams
  const text = json ? JSON.stringify(result.document) : painted(result.text(widthOf(out)), out)
  const safe = json ? harmlessJson : harmless
  if (text !== '') out.write(`${workflow ? safe(text) : text}\n`)
  if (workflow) orWarn(err, () => publish(result, title, workflow))
  // stdout already has its one document.
  return result.failure
    ? report(result.failure, { json: false, verbose, title }, streams, workflow)
    : 0
}

/** Prints the text of a result whose command goes on. */
export function showText({ text }: Pick<Result, 'text'>, streams: Streams = standardStreams): void {
  printLine(text(widthOf(streams.out)), streams)
}

/** Prints a line of a command that has no end. */
export function printLine(
  text: string,
  { out }: Streams = standardStreams,
  workflow: Workflow | null = currentWorkflow,
): void {
  const line = painted(text, out)
  out.write(`${workflow ? harmless(line) : line}\n`)
}

function publish({ summary, tables, outputs, failure }: Result, title: string, to: Workflow): void {
  setOutputs(to, outputTexts(outputs ?? {}))
  appendSummary(to, { title, succeeded: !failure, lines: [summary], tables: tables ?? [] })
}

/** undefined: it is not set. */
function outputTexts({
  digests,
  images,
  release,
  colors,
  standby,
}: Outputs): Record<keyof Outputs, string | undefined> {
  return {
    digests: digests && JSON.stringify(digests),
    images: images && JSON.stringify(images),
    colors: colors && JSON.stringify(colors),
    release,
    standby: standby?.join(),
  }
}

/** All that a command may set. */
export const outputNames = Object.keys(outputTexts({}))
