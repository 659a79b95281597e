// How an error is told: what, then what to do; a stack only on request.
import { ShopctlError } from '../errors.ts'

export interface Told {
  exitCode: number
  /** For stderr. */
  text: string
  /** For stdout with --json. */
  document: object
}

export function tell(error: unknown, { verbose }: { verbose: boolean }): Told {
  const expected = error instanceof ShopctlError
  const code = expected ? error.code : 'bug'
  const message = expected
    ? error.message
    : `shopctl has a bug: ${error instanceof Error ? error.message : String(error)}`
  const hint = expected
    ? (error.hint ?? null)
    : 'Run it again with --verbose, and report what it prints to the maintainers.'
  const stack = verbose && error instanceof Error ? `\n${stackOf(error)}` : ''
  return {
    exitCode: expected ? error.exitCode : 1,
    text: `✗ ${message}${hint ? `\n  ${hint}` : ''}${stack}`,
    document: (expected && error.document) || { version: 1, error: { code, message, hint } },
  }
}

function stackOf(error: Error): string {
  return error.cause instanceof Error
    ? `${error.stack}\ncaused by ${stackOf(error.cause)}`
    : (error.stack ?? '')
}
