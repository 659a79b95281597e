// What the requests of a probe say of a move.
import { describe, expect, it } from 'vitest'
import { percentile, phaseOf, probeReport } from '../../../src/release/move/probe-report.ts'
import type { Sample } from '../../../src/release/ports/probe.ts'
import { probeRecord } from '../../../src/release/probe-record.ts'
import type { Move } from '../../../src/release/slot.ts'
import { aSample, type FakeAnswer } from '../../fakes/probe.ts'
import { aSide } from '../../fakes/state.ts'

const times = { firstWrite: 1_000, takeover: 1_200 }
const move: Move = { name: 'order', from: aSide('blue', 'a'), to: aSide('green', 'b') }
const subject = { address: 'http://127.0.0.1:1/orders', service: 'order', move }
const silent: FakeAnswer = {
  ...{ status: 0, isLate: true, tookMs: 2_000, error: 'no answer within 2 s' },
}
const broken: FakeAnswer = { status: 0, error: 'other side closed' }

type Over = { move?: Move | undefined }

function report(samples: Sample[], over: Over = {}, at: object = {}) {
  return probeReport(samples, { ...times, ...at }, { ...subject, ...over })
}

describe('a percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, n) => n + 1)
  it.each<[string, number[], number, number | null]>([
    ['nothing', [], 50, null],
    ['one', [7], 99, 7],
    ['two', [1, 9], 50, 1],
    ['two', [1, 9], 99, 9],
    ['three', [1, 2, 3], 50, 2],
    ['a hundred', hundred, 50, 50],
    ['a hundred', hundred, 99, 99],
    ['three hundred', Array.from({ length: 300 }, (_, n) => n + 1), 99, 297],
    ['fractions', [1.26], 50, 1.3],
  ])('of %s (%j) at %i', (_, values, percent, expected) => {
    expect(percentile(values, percent)).toBe(expected)
  })
})

describe('the phase of a request', () => {
  it.each<[string, number, FakeAnswer, string]>([
    ['that ended before the first write', 900, {}, 'before'],
    ['in flight at the write', 995, { tookMs: 10 }, 'during'],
    ['in flight at the write, that broke', 995, { ...broken, tookMs: 10 }, 'during'],
    ['that hung already', 995, silent, 'before'],
    ['at the very write', 1_000, {}, 'during'],
    ['that hangs after the write', 1_001, silent, 'during'],
    ['in flight at the takeover', 1_199, { tookMs: 10 }, 'during'],
    ['at the takeover', 1_200, {}, 'after'],
    ['long after', 9_000, {}, 'after'],
  ])('%s', (_, sentAt, answer, expected) => {
    expect(phaseOf(aSample(sentAt, answer), times)).toBe(expected)
  })

  it('is never after, without a takeover', () => {
    expect(phaseOf(aSample(9_000), { firstWrite: 1_000, takeover: null })).toBe('during')
  })
})

describe('the last answer of the old color', () => {
  const blue = (sentAt: number) => aSample(sentAt, { color: 'blue' })
  const green = (sentAt: number) => aSample(sentAt, { color: 'green' })
  it.each<[string, Sample[], Over, number | null]>([
    ['counts from the first write to its end', [blue(990), green(1_030), blue(1_060)], {}, 62],
    ['is 0 when there was none after it', [blue(900), green(1_001)], {}, 0],
    ['may be long after', [green(1_300), blue(1_500.04)], {}, 502],
    [
      'is also one that was an error',
      [aSample(1_080, { color: 'blue', status: 503 }), blue(1_000)],
      {},
      82,
    ],
    ['is not known when it never answered', [green(1_100), aSample(900, broken)], {}, null],
    ['is not known when answers name no color', [aSample(900), aSample(1_100)], {}, null],
    ['is nobody’s when the service is not moved', [blue(1_100)], { move: undefined }, null],
    [
      'is nobody’s when there was no slot before',
      [blue(1_300)],
      { move: { ...move, from: null } },
      null,
    ],
  ])('%s', (_, samples, over, expected) => {
    expect(report(samples, over).lastOldAnswerMs).toBe(expected)
  })
})

describe('a report', () => {
  const samples = [
    ...Array.from({ length: 100 }, (_, n) => aSample(n * 9, { tookMs: n === 50 ? 80 : 2 })),
    aSample(1_010, { tookMs: 30, isResent: true }),
    aSample(1_020, { ...broken, tookMs: 5, isNew: true }),
    aSample(1_030, { status: 503, color: 'green', tookMs: 1 }),
    aSample(1_300, { status: 404, tookMs: 3 }),
    aSample(1_310, { tookMs: 4 }),
  ]

  it('has figures of each phase; a request without an answer has no latency', () => {
    const { failed: _, ...found } = report(samples)
    expect(found).toEqual({
      ...{ address: 'http://127.0.0.1:1/orders', service: 'order', lastOldAnswerMs: null },
      ...{ requests: 105, failures: 2, resent: 1, p50Ms: 2, p99Ms: 30 },
      before: { requests: 100, failures: 0, p50Ms: 2, p99Ms: 2 },
      during: { requests: 3, failures: 2, p50Ms: 1, p99Ms: 30 },
      after: { requests: 2, failures: 0, p50Ms: 3, p99Ms: 4 },
    })
  })

  it('names what failed, by when it was sent', () => {
    expect(report(samples.toReversed()).failed).toEqual([
      {
        ...{ phase: 'during', atMs: 20, tookMs: 5, color: null },
        ...{ what: 'other side closed', connection: 'new' },
      },
      {
        ...{ phase: 'during', atMs: 30, tookMs: 1, color: 'green' },
        ...{ what: '503', connection: 'kept' },
      },
    ])
  })

  it('is bounded, and is what the journal takes', () => {
    const many = Array.from({ length: 50_000 }, (_, n) =>
      aSample(n, { ...broken, error: 'x'.repeat(5_000) }),
    )
    const found = report(many)
    expect(found).toMatchObject({ requests: 50_000, failures: 50_000, p50Ms: null, p99Ms: null })
    expect(found.failed[0]).toMatchObject({ phase: 'before', atMs: -1_000 })
    expect(JSON.stringify(found).length).toBeLessThan(8_000)
    expect(probeRecord.parse(JSON.parse(JSON.stringify(found)))).toEqual(found)
  })

  it('of a first switch has only what was sent after the takeover: nothing answered before', () => {
    const first = [aSample(900, broken), aSample(1_100, broken), aSample(1_250, { color: 'green' })]
    expect(report(first, { move: { ...move, from: null } })).toMatchObject({
      ...{ requests: 1, failures: 0, failed: [] },
      before: { requests: 0, p50Ms: null },
    })
    const notMoved = { move: { ...move, from: null } }
    expect(report(first, notMoved, { takeover: null })).toMatchObject({ requests: 0 })
  })

  it('of nothing has no percentiles', () => {
    expect(report([])).toMatchObject({ requests: 0, p50Ms: null, after: { p99Ms: null } })
  })
})
