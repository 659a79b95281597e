// Decides whether a request to the API server is sent again, and after which pause. Pure.
const firstPauseMs = 200
export const tries = 5
/** For all pauses of one request. */
export const patienceMs = 15_000
const lostCodes = ['ECONNRESET', 'EPIPE']
/** A server that answered before may restart, or be silent once: each silence takes seconds. */
const awayCodes = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT']
const late = 'ETIMEDOUT'

/**
 * `read`: changes nothing. `forwarded`: changes nothing either, and a pod answers it: its 5xx and its silence are for the
 * caller. `write`: changes something.
 */
export type Retry = 'read' | 'forwarded' | 'write'

/** What decides whether the request is sent again. An Error: no answer. */
export type Outcome = { status: number; retryAfter: string | undefined } | Error

export function lateError(timeoutMs: number): Error {
  return Object.assign(new Error(`no answer within ${timeoutMs / 1000} s`), { code: late })
}

export function isLate(outcome: Outcome): boolean {
  return outcome instanceof Error && 'code' in outcome && outcome.code === late
}

/** Whether the request may succeed a moment later and is safe to repeat. */
export function mayPass(outcome: Outcome, retry: Retry | undefined, mayBeAway: boolean): boolean {
  if (outcome instanceof Error) {
    const code = 'code' in outcome ? String(outcome.code) : ''
    // A lost connection leaves open whether the server carried the request out.
    if (retry === undefined || retry === 'write') return false
    if (lostCodes.includes(code)) return true
    if (retry === 'forwarded' && isLate(outcome)) return false
    return mayBeAway && awayCodes.includes(code)
  }
  if (outcome.status === 429) return retry !== undefined
  return retry === 'read' && outcome.status >= 500 && outcome.status !== 501
}

export function pauseAfter(outcome: Outcome, tried: number): number {
  const asked = outcome instanceof Error ? Number.NaN : Number(outcome.retryAfter)
  return asked > 0 ? asked * 1000 : firstPauseMs * 2 ** (tried - 1)
}
