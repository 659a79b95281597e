// The lines that containers have written.
import type { Color } from '../slot.ts'

export interface LogQuery {
  services: readonly string[]
  /** null: both. */
  color: Color | null
  /** null: as far back as there are lines. */
  since: Date | null
  /** Part of each line, as it was written. null: any. */
  text: string | null
  /** Likewise, and no part of a longer word. */
  word: string | null
  /** Number of lines: the latest. */
  limit: number
}

export interface RawLine {
  /** RFC 3339, by the clock of the node. */
  time: string
  service: string
  /** null: not of a slot. */
  color: string | null
  pod: string
  /** As it was written. */
  text: string
  /** Where it stands: a line that was sent to a store twice stands in one place. null: it was read from its pod. */
  place: { file: string; offset: number } | null
}

export interface Lines {
  /** In any order. */
  lines: RawLine[]
  /** There were more lines than `limit`. */
  more: boolean
  /** What is missing, and why. */
  notes: string[]
}

/** A store of logs. Throws if it cannot be asked. */
export interface LogStore {
  /** `observability/logs:9428`, or its address. */
  name: string
  read(query: LogQuery, signal: AbortSignal): Promise<Lines>
}

export interface PodLogs {
  /** `matches`: whether a line is wanted, where that depends on its text. */
  read(query: LogQuery, matches: (text: string) => boolean, signal: AbortSignal): Promise<Lines>
  /** Lines as they are written, and notes. Until `signal` aborts. Those of pods that start meanwhile, too. */
  follow(
    query: LogQuery,
    matches: (text: string) => boolean,
    signal: AbortSignal,
  ): AsyncIterable<RawLine | string>
}
