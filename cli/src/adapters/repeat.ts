// Decides whether a request is sent again, and after which pause. Pure: for the API server and for registries.
const firstPauseMs = 200
const tries = 5
/** For all pauses of one request. */
const patienceMs = 15_000
const lostCodes = new Set(['ECONNRESET', 'EPIPE'])
/** A server that answered before may restart, or be silent once: each silence takes seconds. */
const awayCodes = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'])
const late = 'ETIMEDOUT'

/** What decides whether the request is sent again. An Error: no answer. */
export type Outcome = { status: number; retryAfter: string | null | undefined } | Error

/**
 * `read`: sent again after 429, 5xx or a lost connection. `forwarded`: a read that a pod answers: its 5xx and its silence
 * are for the caller. `write`: only after 429. undefined: never.
 */
export type Retry = 'read' | 'forwarded' | 'write' | undefined

export function lateError(timeoutMs: number): Error {
  return Object.assign(new Error(`no answer within ${timeoutMs / 1000} s`), { code: late })
}

export function isLate(outcome: Outcome): boolean {
  return outcome instanceof Error && 'code' in outcome && outcome.code === late
}

/**
 * Of one request. It gets each outcome, and whether the server answered an earlier request. Returns the milliseconds
 * until the next attempt. null: this outcome is the last one.
 */
export function createPatience(
  retry: Retry,
  now: () => number,
): (outcome: Outcome, answeredBefore: boolean) => number | null {
  let tried = 0
  let waited = 0
  let silences = 0
  return (outcome, answeredBefore) => {
    tried += 1
    if (isLate(outcome)) silences += 1
    if (tried === tries || !mayPass(outcome, retry, answeredBefore && silences <= 1)) return null
    const pause = askedPause(outcome, now()) ?? firstPauseMs * 2 ** (tried - 1)
    waited += pause
    return waited > patienceMs ? null : pause
  }
}

/** Whether the request may succeed a moment later and is safe to repeat. */
function mayPass(outcome: Outcome, retry: Retry, mayBeAway: boolean): boolean {
  if (outcome instanceof Error) {
    const code = 'code' in outcome ? String(outcome.code) : ''
    // A lost connection leaves open whether the server carried the request out.
    if (retry === undefined || retry === 'write') return false
    if (lostCodes.has(code)) return true
    if (retry === 'forwarded' && isLate(outcome)) return false
    return mayBeAway && awayCodes.has(code)
  }
  if (outcome.status === 429) return retry !== undefined
  return retry === 'read' && outcome.status >= 500 && outcome.status !== 501
}

/** Milliseconds, from the header Retry-After: seconds or a date (RFC 9110). null: it asks for none. */
function askedPause(outcome: Outcome, now: number): number | null {
  if (outcome instanceof Error || !outcome.retryAfter) return null
  const seconds = Number(outcome.retryAfter)
  const asked = Number.isNaN(seconds) ? Date.parse(outcome.retryAfter) - now : seconds * 1000
  return asked > 0 ? asked : null
}
