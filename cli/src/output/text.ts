// Text for people. It always has styles; `painted` removes them for a stream without colors.
import { stripVTControlCharacters, styleText } from 'node:util'
import { eastAsianWidth } from 'get-east-asian-width'

export { oneLine } from '../one-line.ts'

type Format = Parameters<typeof styleText>[0]

function styled(format: Format, text: string): string {
  return styleText(format, text, { validateStream: false })
}

export function good(text: string): string {
  return styled('green', text)
}

export function bad(text: string): string {
  return styled('red', text)
}

export function warning(text: string): string {
  return styled('yellow', text)
}

/** In the color that its text names. */
export function inColor(name: string | null, text: string): string {
  return name === 'blue' || name === 'green' ? styled(name, text) : text
}

export function dim(text: string): string {
  return styled('dim', text)
}

/** Characters that take no column. */
const withoutWidth = /[\p{Mn}\p{Me}\p{Cf}\p{Cc}]/u

/** Columns of a text, without its styles. */
export function textWidth(text: string): number {
  let width = 0
  for (const character of stripVTControlCharacters(text)) {
    if (!withoutWidth.test(character)) width += eastAsianWidth(character.codePointAt(0) ?? 0)
  }
  return width
}

const style = /(\p{Cc}\[[\d;]*m)/u

/** Cuts a text to `width` columns; a cut text ends with `…`. */
export function fitted(text: string, width: number): string {
  if (textWidth(text) <= width) return text
  let room = Math.max(width - 1, 0)
  let cut = false
  const kept: string[] = []
  for (const [index, part] of text.split(style).entries()) {
    // Odd parts are styles. They are kept, since each style that begins must end.
    if (index % 2 === 1) kept.push(part)
    else if (!cut)
      for (const character of part) {
        room -= textWidth(character)
        if (room < 0) {
          kept.push('…')
          cut = true
          break
        }
        kept.push(character)
      }
  }
  return kept.join('')
}

/** Width of prose without a terminal. */
const proseWidth = 80

/** Folds prose to `width`, or to 80 columns in a pipe. */
export function wrapped(text: string, width: number): string {
  return folded(text, Number.isFinite(width) ? width : proseWidth)
}

/**
 * Breaks long lines at blanks and keeps their indentation. Text in backticks is for pasting and is never broken.
 */
export function folded(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => (textWidth(line) <= width ? line : foldedLine(line, width)))
    .join('\n')
}

function foldedLine(line: string, width: number): string {
  const indent = /^\s*/.exec(line)?.[0] ?? ''
  const lines: string[] = []
  let current = ''
  for (const word of line.match(/(?:`[^`]*`|\S)+/g) ?? []) {
    const longer = current === '' ? indent + word : `${current} ${word}`
    if (current === '' || textWidth(longer) <= width) current = longer
    else {
      lines.push(current)
      current = indent + word
    }
  }
  return [...lines, current].join('\n')
}

/** Prose after a mark of one column, such as ✓. */
export function marked(mark: string, text: string, width: number): string {
  const indented = folded(`  ${text}`, width)
  return `${mark} ${indented.trimStart()}`
}

/** `0.4 s`, `2 min 5 s`, `3 h 20 min`. */
export function duration(ms: number): string {
  const tenths = Math.round(ms / 100)
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  return seconds < 3600
    ? `${Math.floor(seconds / 60)} min ${seconds % 60} s`
    : `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
}

/** `< 1 min`, `90 min`, `40 h`, `3 d`. */
export function age(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000))
  if (minutes < 1) return '< 1 min'
  if (minutes < 120) return `${minutes} min`
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} d`
}
