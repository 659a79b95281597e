// What commands print, at the widths of terminals and in a pipe.
import { stripVTControlCharacters } from 'node:util'
import { expect } from 'vitest'

export const widths = [60, 80, 120, Number.POSITIVE_INFINITY]

function widest(text: string): number {
  return Math.max(
    ...stripVTControlCharacters(text)
      .split('\n')
      .map((line) => line.length),
  )
}

/** Without styles; no line is wider than it may be. */
export function plain(text: (width: number) => string, width = 80): string {
  expect(widest(text(width))).toBeLessThanOrEqual(width)
  return stripVTControlCharacters(text(width))
}

/** The words, wherever lines end. */
export function words(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}

export function id(n: number): string {
  return `01930000-0000-7000-8000-00000000000${n}`
}
