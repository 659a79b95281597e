// Work that is not finished in time, as pods count it in their database.
import { describe, expect, it } from 'vitest'
import { watchSchema } from '../../../src/config/watch.ts'
import type { OpenWork, OpenWorkQuestion } from '../../../src/release/ports/open-work.ts'
import type { Counts } from '../../../src/release/watch/tolerated.ts'
import {
  addAnswer,
  askOpenWork,
  forgiveUnfinished,
  judgeUnfinished,
  type Unfinished,
  unfinishedMode,
  watchUnfinished,
} from '../../../src/release/watch/unfinished.ts'
import type { GateRecord } from '../../../src/release/watch-record.ts'
import { aPodState } from '../../fakes/pods.ts'

function told(due: number, late: number): OpenWork {
  const before = { open: 0, finished: {} }
  return { open: late, before, since: { due, late, open: late, oldestSeconds: null } }
}

/** The switch took from 1,000 to 1,010. */
function begun({ at = 1_010, limit = 0.5 } = {}): Unfinished {
  const config = watchSchema.parse({ unfinished: { limit } })
  return watchUnfinished('order', 'on', {
    ...{ config, gates: 1, at },
    switched: { from: 1_000, to: 1_010 },
  })
}

/** Due and late, or what happens instead. */
type Step = [number, number] | 'silent' | 'forgive'

/** A look each 3 s. */
function after(steps: Step[], before: Counts = { requests: 1_800, failures: 0 }) {
  const watch = begun()
  let at = watch.beganAt
  for (const step of steps) {
    at += 3
    if (step === 'silent') continue
    if (step === 'forgive') forgiveUnfinished(watch, at)
    else addAnswer(watch, { before: watch.known ? null : before, since: told(...step).since }, at)
  }
  return { watch, record: judgeUnfinished(watch, at) }
}

function times(length: number, step: (index: number) => Step): Step[] {
  return Array.from({ length }, (_, index) => step(index))
}

describe('unfinished work', () => {
  it.each<[string, Step[], Partial<GateRecord>]>([
    ['is not counted before a pod has told', [], { outcome: 'inconclusive', requests: null }],
    [
      'is counted from the first answer on',
      [
        [100, 50],
        [110, 50],
        [400, 51],
      ],
      { outcome: 'passes', requests: 300, failures: 1, tolerated: 0.005 },
    ],
    [
      'passes after 300 that were finished',
      times(11, (n) => [n * 30, 0]),
      { outcome: 'passes', requests: 300, failures: 0 },
    ],
    [
      'is a breach where a share of 20 % is late',
      times(11, (n) => [n * 30, n * 6]),
      { outcome: 'breach', requests: 300, failures: 60 },
    ],
    [
      'is none where all of it is in three looks: an outage of 4 s',
      times(20, (n) => [n * 90, 40 * Math.min(3, n)]),
      { outcome: 'passes', failures: 120 },
    ],
    [
      'loses nothing while no pod answers',
      [[0, 0], [90, 0], 'silent', 'silent', [400, 2]],
      { requests: 400, failures: 2 },
    ],
    [
      'is not counted twice where one answer has less than that before',
      [
        [0, 0],
        [100, 10],
        [99, 9],
        [130, 10],
      ],
      { requests: 130, failures: 10 },
    ],
    [
      'waits for the work where only its lateness is known',
      [
        [0, 0],
        [100, 0],
        [99, 1],
        [130, 2],
      ],
      { requests: 130, failures: 2 },
    ],
    [
      'is counted anew some seconds after a deletion',
      [[0, 0], [100, 10], ...times(6, (): Step => [20, 5]), [50, 6]],
      { requests: 130, failures: 11 },
    ],
    [
      'that an outage outside may have made late is forgiven',
      [[0, 0], [100, 90], 'forgive', ...times(8, (n): Step => [200 + n, 180 + n])],
      { requests: 0, failures: 0, outcome: 'inconclusive' },
    ],
    [
      'that was begun after an outage outside is counted',
      [[0, 0], [100, 90], 'forgive', ...times(11, (n): Step => [200 + n, 180 + n])],
      { requests: 1, failures: 1 },
    ],
    [
      'that no pod tells is unread',
      times(4, () => 'silent'),
      { outcome: 'unread', what: 'no pod has told its open work' },
    ],
    [
      'that no pod tells any more is unread',
      [[0, 0], [400, 1], ...times(4, (): Step => 'silent')],
      {
        outcome: 'unread',
        what: expect.stringMatching(
          /^no pod tells its open work any more\. Before: 1 of 400 were not finished within 30 s, since/,
        ),
      },
    ],
    [
      'stays a breach where no pod tells it any more',
      [...times(11, (n): Step => [n * 30, n * 6]), ...times(4, (): Step => 'silent')],
      { outcome: 'breach' },
    ],
  ])('%s', (_, steps, expected) => {
    expect(after(steps).record).toMatchObject({
      ...{ gate: 'unfinished', service: 'order', mode: 'on' },
      ...expected,
    })
  })

  it('says what was before, and that too little was', () => {
    expect(after([[0, 0]], { requests: 1_800, failures: 3 }).record.what).toBe(
      '0 of 0 were not finished within 30 s, 0.86 % tolerated (3 of 1,800 in the half hour before, by its database)',
    )
    expect(after([[0, 0]], { requests: 40, failures: 0 }).record).toMatchObject({
      outcome: 'off',
      what: expect.stringMatching(/^off: 14 % would be tolerated, since it knows too little/),
    })
  })
})

describe('a pod', () => {
  const clock = { now: () => new Date(1_100_000) }
  async function asked(
    watch: Unfinished,
    names: string[],
    answer: (ago: number) => OpenWork | null = () => told(1, 0),
  ) {
    const questions: [string, OpenWorkQuestion][] = []
    const openWork = async (_: string, pod: string, question: OpenWorkQuestion) => {
      questions.push([pod, question])
      return answer(question.ago)
    }
    const pods = names.map((name) => aPodState(name, { ready: name !== 'away' }))
    const found = await askOpenWork({ pods: { openWork }, clock }, watch, pods)
    if (found) addAnswer(watch, found, 1_100)
    return questions
  }

  it('is asked once for the half hour before, then for what was begun since', async () => {
    const watch = begun()
    const since = { ago: 90, late: 30 }
    expect(await asked(watch, ['away', 'a', 'b'])).toEqual([
      ['a', since],
      ['a', { ago: 100, late: 30 }],
      ['a', { ago: 1_900, late: 30 }],
    ])
    expect(await asked(watch, ['away', 'a', 'b'])).toEqual([['b', since]])
    expect(await asked(watch, ['a', 'b'])).toEqual([['a', since]])
  })

  it('is asked for both again if it does not answer, and another one next', async () => {
    const watch = begun()
    const first = await asked(watch, ['a', 'b'], (ago) => (ago > 1_000 ? null : told(1, 0)))
    expect(first.map(([pod, { ago }]) => [pod, ago])).toEqual([
      ['a', 90],
      ['a', 100],
      ['a', 1_900],
    ])
    expect((await asked(watch, ['a', 'b'])).map(([pod, { ago }]) => [pod, ago])).toEqual([
      ['b', 90],
      ['b', 100],
      ['b', 1_900],
    ])
  })

  it.each<[string, [number, number], [number, number], object]>([
    ['is that of the half hour', [1_000, 50], [0, 0], { requests: 1_000, failures: 50 }],
    ['is without what is since', [1_500, 60], [500, 50], { requests: 1_000, failures: 10 }],
    ['is never negative', [10, 0], [12, 1], { requests: 0, failures: 0 }],
  ])('tells what was before, which %s', async (_, all, since, before) => {
    const watch = begun()
    // What was begun while the switch took place is neither.
    const answers = new Map([
      [1_900, told(...all)],
      [100, told(...since)],
    ])
    await asked(watch, ['a'], (ago) => answers.get(ago) ?? told(0, 0))
    expect(watch.known?.before).toEqual(before)
  })

  it('is not asked where none is ready, or before the moment of the switch', async () => {
    expect(await asked(begun(), ['away'])).toEqual([])
    const watch = { ...begun(), switched: { from: 1_000, to: 1_101 } }
    expect((await asked(watch, ['a'])).at(0)).toEqual(['a', { ago: 0, late: 30 }])
  })

  it.each([
    ['on', true, 'on'],
    ['dry-run', true, 'dry-run'],
    ['off', true, null],
    ['on', false, null],
  ] as const)('is asked in mode %s, and tells: %s', (mode, tells, expected) => {
    const config = watchSchema.parse({ unfinished: mode })
    expect(unfinishedMode({ tellsOpenWork: () => tells }, 'order', config)).toBe(expected)
  })
})
