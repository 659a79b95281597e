// The result of a command, and how it is printed.
import type { ShopctlError } from '../errors.ts'
import { report } from './errors.ts'
import { painted, type Streams, standardStreams, widthOf } from './terminal.ts'

/** A result in three forms: for programs, for people, for a summary. */
export interface Result {
  /** Printed with --json. It has `version: 1`. */
  document: object
  /** Lines of at most `width` columns. */
  text(width: number): string
  /** One line, for the summary of a workflow or for a notification. */
  summary: string
  /** Printed after the result. The command ends with its exit code. */
  failure?: ShopctlError
}

/** Returns the exit code. */
export function show(
  result: Result,
  { json, verbose }: { json: boolean; verbose: boolean },
  streams: Streams = standardStreams,
): number {
  const { out } = streams
  const text = json ? JSON.stringify(result.document) : painted(result.text(widthOf(out)), out)
  out.write(`${text}\n`)
  // stdout already has its one document.
  return result.failure ? report(result.failure, { json: false, verbose }, streams) : 0
}
