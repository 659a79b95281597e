// The messages that are stuck, two lines each.
import { describe, expect, it } from 'vitest'
import { listText, messagesReplayCommand } from '../../src/commands/messages.ts'
import type { Context } from '../../src/context.ts'
import { interrupted } from '../../src/errors.ts'
import type { Management } from '../../src/release/ports/cluster.ts'
import { waiting } from '../fakes/state.ts'
import { createWorld } from '../fakes/world.ts'
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

it('a replay that is interrupted shows what is done and what is not, and ends with 130', async () => {
  const world = createWorld(['order'], { order: waiting() })
  const parked = { type: null, state: 'parked', attempts: 8, reason: null }
  const times = { firstFailedAt: '2026-01-01T10:00:00Z', lastFailedAt: '2026-01-01T11:00:00Z' }
  for (const n of [1, 2, 3]) world.books.order?.messages.push({ id: id(n), ...parked, ...times })
  let posts = 0
  const management: Management = {
    ...world.management,
    async ask(...args) {
      if (args[2] === 'GET') return world.management.ask(...args)
      posts += 1
      if (posts === 2) throw interrupted()
      return { status: 200, body: '' }
    },
  }
  const context = {
    ...{ env: 'local', chosen: null, environment: { protected: false } },
    cluster: async () => ({ ...world, management }),
  } as unknown as Context
  const { text, summary, failure } = await messagesReplayCommand(context, {
    ids: null,
    reason: null,
    yes: false,
  })
  expect(plain(text)).toMatch(/order +replayed\n.*order +failed$/)
  expect(summary).toBe('1 of 3 done')
  expect(failure).toMatchObject({
    exitCode: 130,
    message: `${id(2)} at order: Interrupted. It may have been replayed.\nNot tried: 1.`,
    hint: expect.stringContaining('shopctl messages list'),
  })
})
