// Prints results on stdout: text for people, one JSON document for programs.
import { createInterface } from 'node:readline/promises'
import { stripVTControlCharacters } from 'node:util'

export interface Output {
  print(text: string): void
  /** Writes `{ version: 1, … }`. */
  json(document: unknown): void
}

export function createOutput(stream: NodeJS.WritableStream = process.stdout): Output {
  return {
    print: (text) => void stream.write(`${text}\n`),
    json: (document) => void stream.write(`${JSON.stringify(document)}\n`),
  }
}

/** Columns as wide as their widest cell, two blanks between them; the first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, widthOf(cell))
    })
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function widthOf(cell: string): number {
  return stripVTControlCharacters(cell).length
}

/** No longer than this; what is cut off shows. */
export function fitted(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text
}

/** Asks at the terminal; no answer means no. */
export async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim())
  } finally {
    terminal.close()
  }
}
