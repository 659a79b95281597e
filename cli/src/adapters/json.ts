// What others have written, which may be anything.
import { stripVTControlCharacters } from 'node:util'

/** null: it is no JSON, or there is none. */
export function parseJson(text: string | Buffer | null | undefined): unknown {
  try {
    return JSON.parse(String(text ?? ''))
  } catch {
    return null
  }
}

/** One line, without what could control a terminal. */
export function asLine(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim()
}
