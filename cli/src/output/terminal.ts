// What a stream can show: its width, and whether it has colors.
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

/** Columns. Infinity for a stream that is no terminal. */
export function widthOf(stream: Stream): number {
  // Some recorders are terminals without columns.
  return stream.isTTY ? stream.columns || 80 : Number.POSITIVE_INFINITY
}

/** FORCE_COLOR wins over NO_COLOR, as in Node. `hasColors` of a terminal reads TERM. */
export function hasColors(stream: Stream, env: NodeJS.ProcessEnv = process.env): boolean {
  if (env.FORCE_COLOR !== undefined) return !['0', 'false'].includes(env.FORCE_COLOR)
  if (env.NO_COLOR) return false
  return stream.isTTY === true && stream.hasColors?.() === true
}

/** The text, without styles where the stream has no colors. */
export function painted(text: string, stream: Stream): string {
  return hasColors(stream) ? text : stripVTControlCharacters(text)
}
