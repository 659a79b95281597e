// The sums of an audit, and what they violate.
import { describe, expect, it } from 'vitest'
import { auditText } from '../../src/commands/audit.ts'
import { id, plain, widths, words } from './widths.ts'

describe('an audit', () => {
  const books = {
    balanced: false,
    orders: { accepted: 123456, confirmed: 100000, rejected: 20000, cancelled: 3000, open: 456 },
    captures: 100000,
    refunds: 12,
    notifications: 123000,
    stock: { initial: 3000010, reserved: 456, released: 3000, sold: 100000, available: 2899554 },
    outbox: 3,
    queued: 2,
    parked: 1,
    duplicatesRefused: 17,
    byEpoch: [
      ...[1, 2, 3, 4, 5].map((epoch) => ({
        ...{ service: 'order', epoch, color: 'blue', handled: 10 },
      })),
      { service: 'payment', epoch: 0, color: null, handled: 7 },
    ],
    violations: [
      { rule: 'captured more than once', orders: [1, 2, 3].map(id), count: 30 },
      { rule: 'twelve', orders: Array.from({ length: 12 }, (_, n) => id(n % 10)) },
    ],
  }
  const here = { env: 'local', plane: 'live' } as const

  it('has the sections of the script, and the first of what is violated', () => {
    const text = plain((width) => auditText(books, here, width))
    expect(text).toMatch(/^local {2}live plane {2}NOT BALANCED/)
    expect(text).toMatch(/^ORDERS +123456 accepted {2}100000 confirmed/m)
    expect(text).toMatch(/^STOCK +3000010 initial {2}456 reserved/m)
    expect(text).toMatch(/^TOTALS +100000 captures {2}12 refunds/m)
    expect(text).toMatch(/17 duplicates refused/)
    expect(text).toMatch(/^SERVICE +EPOCH +COLOR +HANDLED$/m)
    expect(text).toMatch(/^order +3 +blue +10$/m)
    expect(text).toMatch(/^payment +0 +- +7$/m)
    expect(text).toMatch(/✗ captured more than once\n {4}0193.*\n {4}0193\S+\n {4}and 27 more/)
    expect(text).toMatch(/ {4}and 2 more$/)
  })

  it.each(widths)('fits into %s columns and loses nothing', (width) => {
    const rule = 'what was taken from a customer is what was asked of the customer, and no more'
    const audit = { ...books, violations: [...books.violations, { rule }] }
    const text = words(plain((room) => auditText(audit, here, room), width))
    for (const part of ['123456 accepted', '456 open', '2899554 available', rule, id(3)])
      expect(text).toContain(part)
  })

  it('shows the latest of many rows, and the number of earlier ones', () => {
    const rows = Array.from({ length: 30 }, (_, day) => ({ day, moved: day * 2 }))
    const text = plain((width) =>
      auditText({ balanced: true, violations: [], rows }, { env: 'bank', plane: 'preview' }, width),
    )
    expect(text).toMatch(/^bank {2}preview plane {2}balanced/)
    expect(text).toMatch(/^29 +58$/m)
    expect(text).not.toMatch(/^17 +34$/m)
    expect(text).toContain('and 18 earlier, with --json')
  })

  it('of any other system has its sections, and no column of maps', () => {
    const ledger = {
      balanced: true,
      violations: [],
      accounts: { open: 3, closed: 1, note: 'text' },
      days: [{ day: 'monday', entries: { many: 1 }, sum: 7 }],
      nothing: [],
    }
    const text = plain((width) => auditText(ledger, { env: 'bank', plane: 'live' }, width))
    expect(text).toMatch(/^ACCOUNTS +3 open {2}1 closed$/m)
    expect(text).toMatch(/^DAY +SUM$/m)
    expect(text).toMatch(/^monday +7$/m)
  })
})
