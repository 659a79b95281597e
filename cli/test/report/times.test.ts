// Which time a report covers, and what is marked in it.
import { describe, expect, it } from 'vitest'
import {
  apart,
  coveredBy,
  movesBeside,
  type Phase,
  phaseLabels,
  phasesOf,
  roundTimes,
} from '../../src/report/times.ts'
import { aMove, anOperation } from '../fakes/state.ts'

const at = (time: string) => new Date(`2026-01-01T${time}Z`)

describe('the time', () => {
  const operation = anOperation({
    startedAt: '2026-01-01T12:00:00.000Z',
    endedAt: '2026-01-01T12:00:30.000Z',
  })

  it.each<[string, string | null, string, string, string | null]>([
    ['is from 5 min before to 10 min after', operation.endedAt, '13:00:00', '12:10:30', null],
    [
      'ends now, as long as that is not over',
      operation.endedAt,
      '12:02:00',
      '12:02:00',
      '12:10:30',
    ],
    ['of an open one ends now', null, '12:02:00', '12:02:00', '12:12:00'],
  ])('%s', (_, endedAt, now, to, completeAt) => {
    expect(coveredBy({ ...operation, endedAt }, at(now))).toEqual({
      ...{ from: at('11:55:00'), to: at(to) },
      completeAt: completeAt && at(completeAt),
    })
  })
})

describe('the phases', () => {
  it('are numbered in the order in which they began; one without a time is left out', () => {
    const phases = [
      { name: 'restart', startedAt: '2026-01-01T00:00:02.000Z', tookMs: 10 },
      { name: 'old', tookMs: 5 },
      { name: 'write', startedAt: '2026-01-01T00:00:01.000Z', tookMs: 20 },
    ]
    const began = Date.parse('2026-01-01T00:00:01.000Z')
    expect(phasesOf(anOperation({ phases }))).toEqual([
      { number: 1, name: 'write', from: began, to: began + 20 },
      { number: 2, name: 'restart', from: began + 1_000, to: began + 1_010 },
    ])
  })

  it.each<[number[], string[]]>([
    [[], []],
    [[0], ['1']],
    [[0, 5, 14], ['1–3']],
    [
      [0, 50, 55, 100],
      ['1', '2–3', '4'],
    ],
  ])('that begin at %j share a label where they are close: %j', (times, expected) => {
    const phases = times.map(
      (from, index): Phase => ({
        ...{ number: index + 1, name: 'a', from, to: from },
      }),
    )
    expect(phaseLabels(phases, 10).map(({ text }) => text)).toEqual(expected)
  })
})

it('marks the other moves of the time alone', () => {
  const operation = aMove('r-2', 'switch', [], { startedAt: '2026-01-01T12:00:00.000Z' })
  const others = [
    aMove('r-1', 'switch', [], { startedAt: '2026-01-01T11:54:00.000Z' }),
    operation,
    anOperation({ startedAt: '2026-01-01T12:01:00.000Z' }),
    aMove('r-3', 'rollback', [], { startedAt: '2026-01-01T12:02:00.000Z' }),
  ]
  const span = { from: at('11:55:00'), to: at('12:10:00') }
  expect(movesBeside(operation, others, span)).toEqual([
    { at: at('12:02:00').getTime(), text: 'r-3 rollback' },
  ])
})

it.each<[number[], string[]]>([
  [[], []],
  [
    [20, 0],
    ['0', '20'],
  ],
  [
    [0, 5, 9, 30],
    ['0, …', '30'],
  ],
])('of labels at %j, these are shown: %j', (times, expected) => {
  const labels = times.map((each) => ({ at: each, text: String(each) }))
  expect(apart(labels, 10).map(({ text }) => text)).toEqual(expected)
})

it.each([
  ['11:55:00', '12:10:02', ['11:55', '12:00', '12:05', '12:10']],
  ['17:03:12', '17:13:33', ['17:04', '17:06', '17:08', '17:10', '17:12']],
  ['12:00:30', '12:03:00', ['12:01', '12:02', '12:03']],
  ['00:10:00', '20:00:00', ['06:00', '12:00', '18:00']],
])('from %s to %s, round times are %j', (from, to, expected) => {
  const times = roundTimes(at(from).getTime(), at(to).getTime())
  expect(times.map((each) => new Date(each).toISOString().slice(11, 16))).toEqual(expected)
})
