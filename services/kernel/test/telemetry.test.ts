import { describe, expect, it } from 'vitest'
import { createLogger } from '../telemetry.ts'

const identity = { service: 'order', color: 'blue', version: 'v', revision: 'r', pod: 'p' }

describe('createLogger', () => {
  it('names the pod, and never writes credentials or personal data', () => {
    let written = ''
    const logger = createLogger(identity, 'info', { write: (line) => (written += line) })
    logger.info({ data: { customer: { email: 'hidden' }, payment: { token: 'hidden' } } }, 'event')
    logger.info({ headers: { authorization: 'hidden' }, password: 'hidden', url: 'hidden' }, 'call')
    expect(written.match(/"service":"order","color":"blue"/g)).toHaveLength(2)
    expect(written).toContain('[redacted]')
    expect(written).not.toContain('hidden')
  })

  it('masks mail addresses and payment tokens in what tells of an error', () => {
    const lines: string[] = []
    const logger = createLogger(identity, 'info', { write: (line) => void lines.push(line) })
    const text = '550 <ada@example.com>: no tok_ok'
    const cause = new Error(text)
    const error = new AggregateError([new Error(text)], text, { cause })
    logger.warn({ err: Object.assign(error, { code: '23505', detail: text }) }, 'failed')
    logger.child({}).warn({ err: text, reason: text, detail: text, problem: text, by: 'a@b' }, text)
    const [first = '', second = ''] = lines
    expect(first).toContain('550 <***>: no ***')
    expect(lines.join()).not.toMatch(/ada|tok_/)
    expect(JSON.parse(first)).toMatchObject({
      err: { type: 'AggregateError', code: '23505', detail: '550 <***>: no ***' },
    })
    // Who runs shopctl is for the log.
    expect(JSON.parse(second)).toMatchObject({ msg: '550 <***>: no ***', by: 'a@b' })
  })
})
