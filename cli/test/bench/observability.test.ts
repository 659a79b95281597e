import { expect, test } from 'vitest'
import { checkInstalled, costText, liveSlots, slotsOf, turnsOf } from '../../bench/observability.ts'
import type { Slot } from '../real/shop.ts'

test('the cost is the median of the ratios, not the ratio of the medians', () => {
  const pairs = [
    { on: 11, off: 10 },
    { on: 20, off: 20 },
    { on: 30.6, off: 30 },
  ]
  expect(costText(pairs)).toBe('1.020 × (1.000 to 1.100; 20.00 → 20.00 ms)')
})

test('with and without take turns, each first as often', () => {
  const turns = turnsOf(4)
  expect(turns.flat()).toEqual([true, false, false, true, true, false, false, true])
  for (const turn of turns) expect(turn.toSorted()).toEqual([false, true])
})

const edgeUrl = 'http://127.0.0.1:1'

test('measures where the stack is installed', () => {
  expect(checkInstalled({ running: true, edgeUrl, with: ['observability'] })).toBe(edgeUrl)
})

test.each([
  { running: true, edgeUrl, with: [], message: 'The observability stack is not installed.' },
  {
    running: false,
    edgeUrl: null,
    with: ['observability'],
    message: 'The platform is not running.',
  },
])('refuses otherwise: $message', ({ message, ...status }) => {
  expect(() => checkInstalled(status)).toThrow(
    expect.objectContaining({
      message,
      exitCode: 2,
      hint: expect.stringContaining('`shopctl platform up --with observability`'),
    }),
  )
})

const slot = {} as Slot
const services = {
  one: { active: 'blue', epoch: 1, slots: { blue: slot, green: slot } },
  two: { active: 'green', epoch: 1, slots: { blue: null, green: slot } },
} as const

test('selects the pods of the live slots', () => {
  expect(liveSlots({ services })).toEqual([
    'app.kubernetes.io/name=one,shopctl.dev/color=blue',
    'app.kubernetes.io/name=two,shopctl.dev/color=green',
  ])
  expect(slotsOf({ services })).toBe(3)
})

test('refuses while a service is not live', () => {
  const none = { active: null, epoch: null, slots: { blue: slot, green: null } }
  expect(() => liveSlots({ services: { ...services, none } })).toThrow(
    expect.objectContaining({
      message: 'No slot of none is live in environment local.',
      exitCode: 2,
    }),
  )
})
