// The messages that are stuck, two lines each.
import { describe, expect, it } from 'vitest'
import { listText } from '../../src/commands/messages.ts'
import { id, plain, widths } from './widths.ts'

describe('messages', () => {
  const message = {
    ...{
      id: id(1),
      service: 'notification',
      type: 'order.placed.v1',
      state: 'unroutable' as const,
    },
    ...{ attempts: 12, reason: `no\n  route ${'x'.repeat(100)}` },
    ...{ firstFailedAt: '2026-01-01T10:00:00Z', lastFailedAt: '2026-01-01T11:00:00Z' },
  }
  const messages = [message, { ...message, type: null, reason: null }]
  const list = (width: number) => listText(messages, new Date('2026-01-01T12:00:00Z'), width)

  it('have two lines each, the reason cut to the width', () => {
    const text = plain(list)
    expect(text.split('\n')[1]).toMatch(/^0193\S+ {2}notification {2}unroutable {2}12 +2 h$/)
    expect(text.split('\n')[2]).toMatch(/^ {2}order\.placed\.v1: no route x+…$/)
    expect(text.split('\n')[4]).toBe('  no event: ')
  })

  it.each(widths)('go into %s columns with their ids whole', (width) => {
    const text = plain(list, width)
    for (const part of [
      id(1),
      'notification',
      'unroutable',
      '12',
      '2 h',
      'order.placed.v1: no route',
    ])
      expect(text).toContain(part)
    expect(text.match(/no event/g)).toHaveLength(1)
  })
})
