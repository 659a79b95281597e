// What a stream can show: how many columns, and colors or not.
import { stripVTControlCharacters } from 'node:util'

/** A terminal, a pipe or a file. */
export interface Stream {
  write(text: string): unknown
  isTTY?: boolean
  columns?: number
  hasColors?(): boolean
}

export interface Streams {
  /** For results. */
  out: Stream
  /** For progress and errors. */
  err: Stream
}

export const standardStreams: Streams = { out: process.stdout, err: process.stderr }

/** Columns; Infinity when it is no terminal. */
export function widthOf(stream: Stream): number {
  // Some recorders are terminals without a width.
  return stream.isTTY ? stream.columns || 80 : Number.POSITIVE_INFINITY
}

/** FORCE_COLOR decides before NO_COLOR, as in Node; TERM is looked at by the terminal itself. */
export function hasColors(stream: Stream, env: NodeJS.ProcessEnv = process.env): boolean {
  if (env.FORCE_COLOR !== undefined) return !['0', 'false'].includes(env.FORCE_COLOR)
  if (env.NO_COLOR) return false
  return stream.isTTY === true && stream.hasColors?.() === true
}

/** The text as the stream can show it: without its styles where there are no colors. */
export function painted(text: string, stream: Stream): string {
  return hasColors(stream) ? text : stripVTControlCharacters(text)
}
