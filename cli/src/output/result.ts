// What a command came to, and how it is shown.
import type { ShopctlError } from '../errors.ts'
import { report } from './errors.ts'
import { painted, type Streams, standardStreams, widthOf } from './terminal.ts'

/** What a verb came to, for a terminal, a program or a workflow. */
export interface Result {
  /** What --json prints. It has `version: 1`. */
  document: object
  /** For people; no line is longer than `width` columns. */
  text(width: number): string
  /** One line, for a workflow's summary or a notification. */
  summary: string
  /** Bad news: shown after the result, and its exit code is the command's. */
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
  // The document was the one that stdout has room for.
  return result.failure ? report(result.failure, { json: false, verbose }, streams) : 0
}
