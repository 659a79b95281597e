import { describe, expect, it } from 'vitest'
import { openTallies, tallyIn, tallyOf, tallyText } from '../../../src/release/move/open-work.ts'
import type { Pods } from '../../../src/release/ports/cluster.ts'
import type { OpenWork, OpenWorkQuestion } from '../../../src/release/ports/open-work.ts'
import { aSide } from '../../fakes/state.ts'

const [blue, green] = [aSide('blue', 'a'), aSide('green', 'b')]
const move = { name: 'order', from: blue, to: green }

function work(open: number, before: OpenWork['before']): OpenWork {
  return { open, before, since: { due: 0, late: 0, open: 0, oldestSeconds: null } }
}

const tally = { openBefore: 12, finishedByOld: 3, finishedByNew: 8, openAfter: 2 }
const counted = work(2, { open: 12, finished: { blue: 3, green: 8 } })

describe('the open work of a move', () => {
  it.each([
    ['is finished by both slots', move, counted, tally],
    [
      'goes back',
      { from: green, to: blue },
      counted,
      { ...tally, finishedByOld: 8, finishedByNew: 3 },
    ],
    [
      'is finished by the new slot alone',
      move,
      work(0, { open: 1, finished: { green: 1 } }),
      { openBefore: 1, finishedByOld: 0, finishedByNew: 1, openAfter: 0 },
    ],
    ['of a first slot', { from: null, to: green }, counted, { ...tally, finishedByOld: 0 }],
  ])('%s', (_, sides, answer, expected) => {
    expect(tallyOf(sides, answer)).toEqual(expected)
  })

  it.each([
    [move, tally, 'order: 12 open before, 3 finished by blue, 8 by green; 2 open after'],
    [
      { ...move, from: null },
      { ...tally, finishedByOld: 0 },
      'order: 12 open before, 8 finished by green; 2 open after',
    ],
    [move, { openBefore: 12 }, null],
    [move, { ...tally, openAfter: null }, null],
    [move, { openBefore: 0, finishedByOld: 0, finishedByNew: 0, openAfter: 0 }, null],
    [
      move,
      { openBefore: 0, finishedByOld: 0, finishedByNew: 0, openAfter: 4 },
      'order: 0 open before, 0 finished by blue, 0 by green; 4 open after',
    ],
    [move, undefined, null],
  ])('is a line', (of, proof, line) => {
    expect(tallyText(of, proof)).toBe(line)
  })

  it('is found among what else was measured', () => {
    expect(tallyIn({ ...tally, ...{ endpointsMs: 7 } })).toEqual(tally)
  })
})

describe('the pods of the new slot', () => {
  const asked: [string, OpenWorkQuestion][] = []

  /** `silent`: those that do not answer. */
  function ask(silent: Record<string, 'null' | 'throws'>, over: Partial<Pods> = {}, of = move) {
    asked.length = 0
    const pods = {
      tellsOpenWork: (service: string) => service === 'order',
      list: async (_: string, { color }: { color: string }) =>
        [1, 2, 3, 4].map((n) => `${color}-${n}`),
      async openWork(_: string, pod: string, question: OpenWorkQuestion) {
        asked.push([pod, question])
        if (silent[pod] === 'throws') throw new Error('gone')
        return silent[pod] ? null : counted
      },
      ...over,
    } as unknown as Pods
    // Each answer takes its time.
    const clock = {
      now: () => new Date(),
      monotonic: () => 5_234 + 1_000 * asked.length,
      sleep: async () => {},
    }
    return openTallies({ pods, clock }, [of], 4_000)
  }

  it('are asked one after the other, for the moment of the first write', async () => {
    expect(await ask({ 'green-1': 'null', 'green-2': 'throws' })).toEqual([tally])
    expect(asked).toEqual([
      ['green-1', { ago: 1.234, late: 30 }],
      ['green-2', { ago: 2.234, late: 30 }],
      ['green-3', { ago: 3.234, late: 30 }],
    ])
  })

  it.each<[string, ...Parameters<typeof ask>]>([
    ['do not answer', { 'green-1': 'null', 'green-2': 'null', 'green-3': 'throws' }],
    ['are none', {}, { list: async () => [] }],
    ['cannot be listed', {}, { list: () => Promise.reject(new Error('away')) }],
    ['tell nothing of open work', {}, {}, { ...move, name: 'payment' }],
  ])('that %s leave it out', async (_, ...args) => {
    expect(await ask(...args)).toEqual([{}])
    expect(asked.length).toBeLessThanOrEqual(3)
  })
})
