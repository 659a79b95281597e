// The port of the payment provider.
import { Away } from '@shop/kernel/failures'

export interface Money {
  /** In minor units of the currency. */
  value: number
  currency: string
}

export interface Charge {
  idempotencyKey: string
  /** The provider keeps it in its records. */
  orderId: string
  token: string
  amount: Money
}

/** `cancelled`: the key was cancelled before the capture. */
export type ChargeOutcome =
  | { kind: 'captured' }
  | { kind: 'declined'; reason: string }
  | { kind: 'cancelled' }

/** `captured`: too late to cancel, so the charge must be refunded. */
export type CancelOutcome = { kind: 'cancelled' } | { kind: 'captured' }

/** How often the provider captured and refunded. */
export interface Statement {
  captures: number
  refunds: number
}

/**
 * Calls with an idempotency key are idempotent. When the provider fails, they reject with an error that has its HTTP
 * `status` and `headers`, as the clients of providers do. When it does not answer, they reject with an error of fetch, of
 * the operating system, of TLS, or of a signal that aborts the call.
 */
export interface PaymentProvider {
  capture(charge: Charge): Promise<ChargeOutcome>
  /** Cancels a charge, even one that was never requested. After that, nothing can be captured with the key. */
  cancel(idempotencyKey: string): Promise<CancelOutcome>
  /** Refunds the capture with this key. */
  refund(idempotencyKey: string): Promise<void>
  /** The provider's records of these payments, by order id. `id` is the idempotency key of the payment. */
  statements(payments: { id: string; orderId: string }[]): Promise<Map<string, Statement>>
  /** The totals of all records. */
  totals(): Promise<Statement>
}

/** As long as a customer's bank may take. */
const answerMs = 10_000

/** The same provider. A call throws Away when the provider does not answer in time, or is overloaded or out of order. */
export function awaitProvider(provider: PaymentProvider, timeoutMs = answerMs): PaymentProvider {
  const call = async <T>(work: Promise<T>): Promise<T> => {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => late.reject(new Away('the payment provider does not answer in time')),
      timeoutMs,
    )
    try {
      return await Promise.race([work, late.promise])
    } catch (error) {
      throw outageOf(error as ProviderError) ?? error
    } finally {
      clearTimeout(timer)
    }
  }
  return {
    capture: (charge) => call(provider.capture(charge)),
    cancel: (key) => call(provider.cancel(key)),
    refund: (key) => call(provider.refund(key)),
    statements: (payments) => provider.statements(payments),
    totals: () => provider.totals(),
  }
}

interface ProviderError {
  status?: unknown
  headers?: Headers | Record<string, string | number | undefined>
  name?: unknown
  /** A code of the operating system, of TLS or of Node's fetch. */
  code?: unknown
  cause?: { code?: unknown }
}

/** 401 and 403 are a wrong key of ours: every payment would fail. */
const outages = new Set([401, 403, 408, 425, 429])
const aborted = /^(Timeout|Abort)Error$/
const network = /^(E[A-Z]{3,}|UND_ERR_\w+|ERR_(TLS|SSL)_\w+|\w*CERT\w*|DEPTH_ZERO_\w+)$/

function outageOf(error: ProviderError): Away | null {
  const { status } = error
  if (typeof status === 'number') {
    if (status < 500 && !outages.has(status)) return null
    const retryAfterMs = retryAfterOf(error.headers)
    return new Away(`the payment provider answers ${status}`, { retryAfterMs, cause: error })
  }
  if (aborted.test(String(error.name))) {
    return new Away('the payment provider does not answer in time', { cause: error })
  }
  // fetch throws a TypeError whose cause has the code.
  const { code } = error instanceof TypeError ? { ...error.cause } : error
  if (!network.test(String(code))) return null
  return new Away(`the payment provider cannot be reached: ${code}`, { cause: error })
}

/** `Retry-After` is a number of seconds, or a date. */
function retryAfterOf(headers: ProviderError['headers']): number {
  const value = headers instanceof Headers ? headers.get('retry-after') : headers?.['retry-after']
  if (value === undefined || value === null) return 0
  const seconds = Number(value)
  const ms = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(String(value)) - Date.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : 0
}
