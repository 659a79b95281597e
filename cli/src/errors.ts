// The one family of expected errors. Anything else that reaches main.ts is a bug of ours.

export type ErrorKind = 'refused' | 'failed' | 'interrupted'

export interface ErrorDetail {
  /** Stable identifier for scripts, kebab-case: `lock-held`, `slot-not-ready`. */
  code: string
  /** One line that says what is wrong. */
  message: string
  /** One line that says what to do about it. */
  hint?: string
  cause?: unknown
}

export class ShopctlError extends Error {
  readonly kind: ErrorKind
  readonly code: string
  readonly hint: string | undefined

  constructor(kind: ErrorKind, detail: ErrorDetail) {
    super(detail.message, { cause: detail.cause })
    this.name = 'ShopctlError'
    this.kind = kind
    this.code = detail.code
    this.hint = detail.hint
  }

  /** Process exit status: 1 failed, 2 refused or bad input, 130 interrupted. */
  get exitCode(): 1 | 2 | 130 {
    if (this.kind === 'refused') return 2
    return this.kind === 'interrupted' ? 130 : 1
  }
}

/** Nothing was changed: bad input, or a state in which the command makes no sense. Exit 2. */
export function refused(detail: ErrorDetail): ShopctlError {
  return new ShopctlError('refused', detail)
}

/** Something was tried and did not work. Exit 1. */
export function failed(detail: ErrorDetail): ShopctlError {
  return new ShopctlError('failed', detail)
}

/** Once something was changed, what would have been a refusal is a failure. */
export function afterChange(error: unknown): unknown {
  return error instanceof ShopctlError && error.kind === 'refused'
    ? failed({
        code: error.code,
        message: error.message,
        ...(error.hint !== undefined && { hint: error.hint }),
        cause: error,
      })
    : error
}

/** Someone pressed Ctrl-C or sent SIGTERM. Exit 130. */
export function interrupted(hint?: string): ShopctlError {
  return new ShopctlError('interrupted', {
    code: 'interrupted',
    message: 'Interrupted.',
    ...(hint !== undefined && { hint }),
  })
}

/** What an error says, whatever was thrown. */
export function said(problem: unknown): string {
  return problem instanceof Error ? problem.message : String(problem)
}
