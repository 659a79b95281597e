import { describe, expect, it } from 'vitest'
import { createLogger } from '../telemetry.ts'

describe('createLogger', () => {
  it('says who speaks and never writes credentials or personal data', () => {
    let written = ''
    const identity = { service: 'order', color: 'blue', version: 'v', revision: 'r', pod: 'p' }
    const logger = createLogger(identity, 'info', { write: (line) => (written += line) })
    logger.info({ data: { customer: { email: 'hidden' }, payment: { token: 'hidden' } } }, 'event')
    logger.info({ headers: { authorization: 'hidden' }, password: 'hidden', url: 'hidden' }, 'call')
    expect(written.match(/"service":"order","color":"blue"/g)).toHaveLength(2)
    expect(written).toContain('[redacted]')
    expect(written).not.toContain('hidden')
  })
})
