// Who reads whose events, and which switch would leave some of them unread.
import { describe, expect, it } from 'vitest'
import { eventsOf } from '../../../src/release/build/events.ts'
import {
  eventMatrix,
  eventsCheck,
  type Party,
  producedTypes,
} from '../../../src/release/move/event-matrix.ts'
import type { Color } from '../../../src/release/slot.ts'
import { labelsWith } from '../../fakes/events.ts'
import { aSlot } from '../../fakes/state.ts'

interface Given {
  produces?: string[]
  accepts?: string[]
  settings?: Record<string, string>
  /** Why nothing is known of it. */
  why?: string
}

function party(service: string, color: Color, isNext: boolean, given: Given): Party {
  const { produces = [], accepts = [], settings = {}, why } = given
  const slot = aSlot(color, color === 'blue' ? 'a' : 'b', { settings })
  return { service, slot, isNext, events: why ?? eventsOf(labelsWith(produces, accepts)) ?? '' }
}
const live = (service: string, given: Given) => party(service, 'blue', false, given)
const next = (service: string, given: Given) => party(service, 'green', true, given)

const [v1, v2] = ['order.placed.v1', 'order.placed.v2']
const both = [v1, v2]
const chosen = [v2, `${v1}@ORDER_PLACED_VERSION=v1`]
const settings = { ORDER_PLACED_VERSION: 'v1' }

it.each([
  ['what it always produces', {}, [v2, 'payment.requested.v1']],
  ['another version where it is set', settings, [v1, 'payment.requested.v1']],
  [
    'the same where another value is set',
    { ORDER_PLACED_VERSION: 'v2' },
    [v2, 'payment.requested.v1'],
  ],
])('a slot produces %s', (_, given, expected) => {
  const { produces = [] } = eventsOf(labelsWith([...chosen, 'payment.requested.v1'], [])) ?? {}
  expect(producedTypes(produces, given)).toEqual(expected)
})

const cases: [string, Party[], string][] = [
  ['nothing says what it knows', [], 'skipped'],
  [
    'a version is replaced that all read',
    [
      ...[live('order', { produces: [v1] }), next('order', { produces: [v2] })],
      live('inventory', { accepts: both }),
    ],
    'passed',
  ],
  [
    'the live consumer, which stays, cannot read the new version',
    [
      ...[live('order', { produces: [v1] }), next('order', { produces: [v2] })],
      live('inventory', { accepts: [v1] }),
    ],
    'inventory blue cannot read order.placed.v2 of order green. First release a version of inventory',
  ],
  [
    'the consumer learns it in the same switch: a rollback would leave events unread',
    [
      ...[live('order', { produces: [v1] }), next('order', { produces: [v2] })],
      ...[live('inventory', { accepts: [v1] }), next('inventory', { accepts: both })],
    ],
    'inventory blue cannot read order.placed.v2 of order green',
  ],
  [
    'the same, but a setting keeps the version',
    [
      ...[live('order', { produces: [v1] }), next('order', { produces: chosen, settings })],
      ...[live('inventory', { accepts: [v1] }), next('inventory', { accepts: both })],
    ],
    'passed',
  ],
  [
    'the same setting is not set',
    [
      ...[live('order', { produces: [v1] }), next('order', { produces: chosen })],
      live('inventory', { accepts: [v1] }),
    ],
    'inventory blue cannot read order.placed.v2 of order green',
  ],
  [
    'the new consumer cannot read what the live producer has sent',
    [
      live('order', { produces: [v1] }),
      ...[live('inventory', { accepts: both }), next('inventory', { accepts: [v2] })],
    ],
    'inventory green cannot read order.placed.v1 of order blue. Let inventory read order.placed.v1 until',
  ],
  [
    'two new slots do not fit together, the first time',
    [next('order', { produces: [v2] }), next('inventory', { accepts: [v1] })],
    'inventory green cannot read order.placed.v2 of order green',
  ],
  [
    'two live slots do not fit together already',
    [
      ...[live('order', { produces: [v2] }), live('inventory', { accepts: [v1] })],
      next('payment', { produces: ['payment.captured.v1'] }),
    ],
    'passed',
  ],
  [
    'nobody consumes a new event',
    [live('order', {}), next('order', { produces: ['order.viewed.v1'] })],
    'passed',
  ],
  [
    'a service reads its own events',
    [next('order', { produces: [v2], accepts: [v1] })],
    'order green cannot read order.placed.v2 of order green',
  ],
  [
    'a consumer drops an event that is still produced',
    [
      live('order', { produces: [v1] }),
      ...[live('inventory', { accepts: [v1] }), next('inventory', {})],
    ],
    'warning: inventory green no longer reads order.placed.v1',
  ],
  [
    'it drops one that nobody produces',
    [live('inventory', { accepts: [v1] }), next('inventory', {})],
    'passed',
  ],
  [
    'an older image says nothing',
    [live('order', { why: 'its image v-a says nothing of events' }), next('order', {})],
    'unknown: order blue: its image v-a says nothing of events',
  ],
  [
    'one says nothing, and another cannot be read',
    [
      live('payment', { why: 'nothing' }),
      ...[next('order', { produces: [v2] }), next('inventory', { accepts: [v1] })],
    ],
    'inventory green cannot read',
  ],
]

describe('a switch', () => {
  it.each(cases)('where %s', (_, parties, expected) => {
    const { state, message, hint, code } = eventsCheck(parties)
    const text = state === 'refused' ? `${message} ${hint}` : `${state}: ${message}`
    expect(text).toContain(expected)
    expect(code).toBe(state === 'refused' ? 'events-unreadable' : null)
  })

  it('names three of many, and counts the others', () => {
    const consumers = ['a', 'b', 'c', 'd', 'e'].map((name) => live(name, { accepts: [v1] }))
    const { message } = eventsCheck([next('order', { produces: [v2] }), ...consumers])
    expect(message).toMatch(/: a blue .*; b blue .*; c blue .* of order green; and 2 more\.$/)
  })
})

it('the matrix has a row per type, with those that read it and those that only read another version', () => {
  const parties = [
    ...[live('order', { produces: [v1] }), next('order', { produces: [v2] })],
    ...[live('inventory', { accepts: [v1] }), live('payment', { why: 'nothing' })],
  ]
  const of = (service: string, color: Color) => ({ service, color })
  expect(eventMatrix(parties)).toEqual([
    {
      ...{ type: v1, producedBy: [of('order', 'blue')] },
      ...{ acceptedBy: [of('inventory', 'blue')], unreadBy: [] },
    },
    {
      ...{ type: v2, producedBy: [of('order', 'green')] },
      ...{ acceptedBy: [], unreadBy: [of('inventory', 'blue')] },
    },
  ])
})
