// The answers of checks, and what follows from a list of them; pure.
import { type Check, refused, type ShopctlError } from '../errors.ts'
import type { Refusal } from './refusal.ts'

export function passed(name: string, message: string): Check {
  return { name, state: 'passed', message, code: null, hint: null }
}

/** The command goes on. */
export function warned(name: string, message: string, hint: string | null = null): Check {
  return { name, state: 'warning', message, code: null, hint }
}

/** It does not apply here. `why`: the reason. */
export function skipped(name: string, why: string): Check {
  return { name, state: 'skipped', message: why, code: null, hint: null }
}

/** It could not be checked. The command goes on. `why`: the reason. */
export function unknown(name: string, why: string): Check {
  return { name, state: 'unknown', message: why, code: null, hint: null }
}

export function refusedBy(
  name: string,
  { code, message, hint }: Pick<Refusal, 'code' | 'message'> & { hint?: string | undefined },
): Check {
  return { name, state: 'refused', message, code, hint: hint ?? null }
}

export function refusalsOf(checks: readonly Check[]): Check[] {
  return checks.filter(({ state }) => state === 'refused')
}

/** The error of a command that a check refuses: that of the first one, with all checks. null: none refuses it. */
export function refusalError(checks: readonly Check[]): ShopctlError | null {
  const [first] = refusalsOf(checks)
  if (!first) return null
  const { code, message, hint } = first
  return refused({ code: code ?? 'refused', message, ...(hint !== null && { hint }), checks })
}
