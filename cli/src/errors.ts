// All expected errors. Any other error that reaches main.ts is a bug of shopctl.

type ErrorKind = 'refused' | 'failed' | 'interrupted'

/** `skipped`: it does not apply here. `unknown`: it could not be checked. Only `refused` stops the command. */
export type CheckState = 'passed' | 'warning' | 'refused' | 'skipped' | 'unknown'

/** The answer of one check of a command, before it changes anything. */
export interface Check {
  /** Stable identifier for scripts: `smoke`. */
  name: string
  state: CheckState
  /** One line: what was found, or why it was not looked for. */
  message: string
  /** The error code if the state is `refused`, else null. */
  code: string | null
  /** One line: what to do. null: nothing. */
  hint: string | null
}

export interface ErrorDetail {
  /** Stable identifier for scripts, kebab-case: `lock-held`, `slot-not-ready`. */
  code: string
  /** One line: what is wrong. */
  message: string
  /** One line: what to do, with the command to run. */
  hint?: string
  cause?: unknown
  /** All checks of the command. The error is about the first that refuses it. */
  checks?: readonly Check[]
}

export class ShopctlError extends Error {
  readonly kind: ErrorKind
  readonly code: string
  readonly hint: string | undefined
  readonly checks: readonly Check[] | undefined

  constructor(kind: ErrorKind, detail: ErrorDetail) {
    super(detail.message, { cause: detail.cause })
    this.name = 'ShopctlError'
    this.kind = kind
    this.code = detail.code
    this.hint = detail.hint
    this.checks = detail.checks
  }

  /** Process exit status: 1 failed, 2 refused or bad input, 130 interrupted. */
  get exitCode(): 1 | 2 | 130 {
    if (this.kind === 'refused') return 2
    return this.kind === 'interrupted' ? 130 : 1
  }
}

/** Nothing was changed: the input is bad, or the command does not fit the state. Exit 2. */
export function refused(detail: ErrorDetail): ShopctlError {
  return new ShopctlError('refused', detail)
}

/** The command tried and failed. Exit 1. */
export function failed(detail: ErrorDetail): ShopctlError {
  return new ShopctlError('failed', detail)
}

/** After a change, a refusal becomes a failure. */
export function afterChange(error: unknown): unknown {
  return turned(error, 'refused', 'failed')
}

/** Before any change, a failure is a refusal. */
export function beforeChange(error: unknown): unknown {
  return turned(error, 'failed', 'refused')
}

function turned(error: unknown, from: ErrorKind, to: ErrorKind): unknown {
  if (!(error instanceof ShopctlError) || error.kind !== from) return error
  const { code, message, hint, checks } = error
  return new ShopctlError(to, {
    code,
    message,
    cause: error,
    ...(hint !== undefined && { hint }),
    ...(checks && { checks }),
  })
}

/** Nothing was changed. */
export function isRefused(error: unknown): boolean {
  return error instanceof ShopctlError && error.kind === 'refused'
}

/** Something may have been changed. */
export function isFailure(error: unknown): boolean {
  return error instanceof ShopctlError && error.kind === 'failed'
}

export function isInterrupted(error: unknown): error is ShopctlError {
  return error instanceof ShopctlError && error.kind === 'interrupted'
}

/** The same error, with another sentence in its hint. */
export function advised(error: unknown, advice: string): unknown {
  if (!(error instanceof ShopctlError) || advice === '') return error
  const { kind, code, message, hint, checks } = error
  const hints = hint === undefined ? advice : `${hint} ${advice}`
  const detail = { code, message, hint: hints, cause: error }
  return new ShopctlError(kind, { ...detail, ...(checks && { checks }) })
}

/** Ctrl-C or SIGTERM. Exit 130. */
export function interrupted(hint?: string): ShopctlError {
  return new ShopctlError('interrupted', {
    code: 'interrupted',
    message: 'Interrupted.',
    ...(hint !== undefined && { hint }),
  })
}

/** The message of anything that was thrown. */
export function said(problem: unknown): string {
  return problem instanceof Error ? problem.message : String(problem)
}
