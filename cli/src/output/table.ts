// Tables that fit a narrow terminal.
import { fitted, textWidth } from './text.ts'

const gap = 2
/** Of the further lines of a row. */
const indent = 4

/**
 * Each column is as wide as its widest cell. The first row is the heading. Where the columns do not fit, every row,
 * heading included, takes several lines. A cell is cut only where it is wider than a line.
 */
export function table(
  rows: readonly (readonly string[])[],
  width: number = Number.POSITIVE_INFINITY,
): string {
  const clean = rows.map((row) =>
    row.map((cell) => cell.replaceAll(/\s+/g, (space) => (/[\r\n\t]/.test(space) ? ' ' : space))),
  )
  const widths = columnWidths(clean).map((each, column) =>
    Math.min(each, column === 0 ? width : width - indent),
  )
  const lines = linesOf(widths, width)
  return clean.flatMap((row) => rowLines(row, widths, lines)).join('\n')
}

function columnWidths(rows: readonly (readonly string[])[]): number[] {
  const count = Math.max(0, ...rows.map((row) => row.length))
  return Array.from({ length: count }, (_, column) =>
    Math.max(...rows.map((row) => textWidth(row[column] ?? ''))),
  )
}

/** The columns of each line. */
function linesOf(widths: readonly number[], width: number): number[][] {
  const lines: number[][] = []
  let used = 0
  for (const [column, each] of widths.entries()) {
    if (column === 0 || used + gap + each > width) {
      used = (lines.length === 0 ? 0 : indent) + each
      lines.push([column])
    } else {
      used += gap + each
      lines.at(-1)?.push(column)
    }
  }
  return lines
}

function rowLines(
  row: readonly string[],
  widths: readonly number[],
  lines: readonly (readonly number[])[],
): string[] {
  return lines
    .map((columns, line) => {
      const cells = columns.map((column) => padded(row[column] ?? '', widths[column] ?? 0))
      return `${' '.repeat(line === 0 ? 0 : indent)}${cells.join(' '.repeat(gap))}`.trimEnd()
    })
    .filter((text, line) => line === 0 || text !== '')
}

function padded(cell: string, width: number): string {
  const fits = fitted(cell, width)
  return fits + ' '.repeat(width - textWidth(fits))
}
