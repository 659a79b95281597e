// Prints an error: the message, the hint, and with --verbose the stack.
import { ShopctlError, said } from '../errors.ts'
import { painted, type Streams, standardStreams, widthOf } from './terminal.ts'
import { bad, folded, marked } from './text.ts'

interface FormattedError {
  exitCode: number
  /** For stderr. */
  text: string
  /** For stdout with --json. */
  document: object
}

/** Writes the error to stderr, and with --json to stdout too. Returns the exit code. */
export function report(
  error: unknown,
  { json, verbose }: { json: boolean; verbose: boolean },
  { out, err }: Streams = standardStreams,
): number {
  const formatted = formatError(error, { verbose, width: widthOf(err) })
  if (json) out.write(`${JSON.stringify(formatted.document)}\n`)
  err.write(`${painted(formatted.text, err)}\n`)
  return formatted.exitCode
}

export function formatError(
  error: unknown,
  { verbose, width }: { verbose: boolean; width: number },
): FormattedError {
  const expected = error instanceof ShopctlError
  const code = expected ? error.code : 'bug'
  const message = expected ? error.message : `shopctl has a bug: ${said(error)}`
  const hint = expected
    ? (error.hint ?? null)
    : 'Run the same command with --verbose, and send its output to the maintainers.'
  // The lines after the first are the output of another program. They are not folded.
  const [first = '', ...printed] = message.split('\n')
  const lines = [
    marked(bad('✗'), first, width),
    ...printed,
    ...(hint ? [folded(`  ${hint}`, width)] : []),
    ...(verbose && error instanceof Error ? [stackOf(error)] : []),
  ]
  return {
    exitCode: expected ? error.exitCode : 1,
    text: lines.join('\n'),
    document: { version: 1, error: { code, message, hint } },
  }
}

function stackOf(error: Error): string {
  return error.cause instanceof Error
    ? `${error.stack}\ncaused by ${stackOf(error.cause)}`
    : (error.stack ?? '')
}
