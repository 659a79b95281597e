import { Away } from '@shop/kernel/failures'
import { describe, expect, it } from 'vitest'
import { awaitProvider, type PaymentProvider } from '../provider.ts'

const charge = {
  idempotencyKey: 'k',
  orderId: 'o',
  token: 'tok_ok',
  amount: { value: 1, currency: 'EUR' },
}

/** A provider whose captures end like this. */
function answering(capture: () => Promise<never>): PaymentProvider {
  const none = async () => {
    throw new Error('not called')
  }
  return awaitProvider({ capture, cancel: none, refund: none, statements: none, totals: none }, 50)
}

function failing(fields: object, error = new Error('no')) {
  return answering(() => Promise.reject(Object.assign(error, fields)))
    .capture(charge)
    .catch((problem: Error) => problem)
}

describe('the payment provider', () => {
  it.each([
    ['500', { status: 500 }],
    ['503', { status: 503 }],
    ['408', { status: 408 }],
    ['a rejected key of ours', { status: 401 }],
    ['a refused connection', { code: 'ECONNREFUSED' }],
    ['a broken connection', { code: 'ECONNRESET' }],
    ['a name that does not resolve', { code: 'ENOTFOUND' }],
    ['an expired certificate', { code: 'CERT_HAS_EXPIRED' }],
    ['a certificate of its own', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }],
    ['another TLS', { code: 'ERR_SSL_WRONG_VERSION_NUMBER' }],
  ])('is away: %s', async (_, fields) => {
    const error = await failing(fields)
    expect(error).toBeInstanceOf(Away)
    expect(error).toMatchObject({ retryAfterMs: 0 })
  })

  it('is away when fetch says so', async () => {
    const error = new TypeError('fetch failed', { cause: { code: 'UND_ERR_HEADERS_TIMEOUT' } })
    expect(await failing({}, error)).toBeInstanceOf(Away)
  })

  it.each(['TimeoutError', 'AbortError'])('is away when its client throws a %s', async (name) => {
    expect(await failing({}, new DOMException('gave up waiting', name))).toBeInstanceOf(Away)
  })

  it('is away when it does not answer in time', async () => {
    const silent = answering(() => new Promise(() => {}))
    await expect(silent.capture(charge)).rejects.toThrow('does not answer in time')
    await expect(silent.capture(charge)).rejects.toBeInstanceOf(Away)
  })

  it.each([
    ['seconds', { 'retry-after': '7' }, 7_000],
    ['headers of fetch', new Headers({ 'Retry-After': '2' }), 2_000],
    ['a date that is over', { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }, 0],
    ['nonsense', { 'retry-after': 'soon' }, 0],
  ])('asks to wait: %s', async (_, headers, retryAfterMs) => {
    expect(await failing({ status: 429, headers })).toMatchObject({ name: 'Away', retryAfterMs })
  })

  it('asks to wait until a date', async () => {
    const date = new Date(Date.now() + 60_000).toUTCString()
    const error = await failing({ status: 503, headers: { 'retry-after': date } })
    const { retryAfterMs } = error as Away
    expect(retryAfterMs).toBeGreaterThan(50_000)
    expect(retryAfterMs).toBeLessThanOrEqual(60_000)
  })

  it.each([
    ['a wrong request', { status: 400 }],
    ['a conflict', { status: 409 }],
    ['a mistake of ours', {}],
    ['an error of the database', { code: '57P01' }],
  ])('is not away: %s', async (_, fields) => {
    expect(await failing(fields)).not.toBeInstanceOf(Away)
  })
})
