// What a probe has measured, as text and as JSON.
import { describe, expect, it } from 'vitest'
import { movedResult } from '../../src/commands/moved.ts'
import { probeLines, probeRows } from '../../src/commands/probed.ts'
import type { ProbeRecord } from '../../src/release/probe-record.ts'
import { aSide } from '../fakes/state.ts'
import { plain, widths, words } from './widths.ts'

const probe: ProbeRecord = {
  ...{ address: 'http://127.0.0.1:30080/orders', service: 'order', requests: 731, failures: 0 },
  ...{ p50Ms: 2.1, p99Ms: 9.8, resent: 0, lastOldAnswerMs: 41.5, failed: [] },
  before: { requests: 340, failures: 0, p50Ms: 2, p99Ms: 6.2 },
  during: { requests: 81, failures: 0, p50Ms: 2.4, p99Ms: 12 },
  after: { requests: 310, failures: 0, p50Ms: 2, p99Ms: 5.9 },
}
const failed = (atMs: number, what: string): ProbeRecord['failed'][number] => ({
  ...{ phase: 'during', atMs, tookMs: 3, what, connection: 'kept', color: null },
})
const withFailures: ProbeRecord = {
  ...{ ...probe, failures: 5 },
  during: { ...probe.during, failures: 4 },
  after: { requests: 1, failures: 1, p50Ms: null, p99Ms: null },
  failed: [
    failed(-3, 'other side closed'),
    failed(12, '503'),
    failed(20, 'x\u001b[31m '.repeat(100)),
    failed(30, '503'),
  ],
}

function textOf(probed: Parameters<typeof probeLines>[0], width = 80): string {
  return plain((room) => probeLines(probed, room).join('\n'), width)
}

describe('as text', () => {
  it('is two lines', () => {
    expect(textOf({ probe }).split('\n')).toEqual([
      'probe: 731 requests, 0 failed, last answer of the old color after 42 ms',
      '  p50/p99 ms: before 2/6.2 (340), during 2.4/12 (81), after 2/5.9 (310)',
    ])
  })

  it('is two lines of a slow shop, too', () => {
    const slow = { requests: 301, failures: 0, p50Ms: 168.9, p99Ms: 902.14 }
    const phases = { before: slow, during: { ...slow, requests: 174 }, after: slow }
    expect(
      textOf({ probe: { ...probe, ...phases, lastOldAnswerMs: 1_262.6 } }).split('\n'),
    ).toEqual([
      'probe: 731 requests, 0 failed, last answer of the old color after 1263 ms',
      '  p50/p99 ms: before 169/902 (301), during 169/902 (174), after 169/902 (301)',
    ])
  })

  it('has a third one with what failed, and when after the write', () => {
    const lines = words(textOf({ probe: withFailures }))
    expect(lines).toContain('731 requests, 5 failed')
    expect(lines).toContain('after - (1)')
    expect(lines).toContain(
      'failed: 4 during, 1 after; other side closed at -3 ms, 503 at 12 ms, x',
    )
    expect(lines).toMatch(/… at 20 ms, …$/)
  })

  it('says nothing of an old color that it does not know', () => {
    expect(textOf({ probe: { ...probe, lastOldAnswerMs: null } })).not.toContain('old color')
  })

  it('says why there was none', () => {
    expect(textOf({ withoutProbe: 'this environment sets none' })).toBe(
      'no probe: this environment sets none',
    )
    expect(probeLines({}, 80)).toEqual([])
  })

  it.each(widths)('fits into %s columns', (width) => {
    expect(words(textOf({ probe: withFailures }, width))).toContain(
      'p50/p99 ms: before 2/6.2 (340)',
    )
  })
})

it('is a table for the summary of a workflow', () => {
  expect(probeRows({ probe: withFailures })).toEqual([
    ['PROBE', 'REQUESTS', 'FAILED', 'P50', 'P99'],
    ['before', '340', '0', '2 ms', '6.2 ms'],
    ['during', '81', '4', '2.4 ms', '12 ms'],
    ['after', '1', '1', '-', '-'],
  ])
  expect(probeRows({ withoutProbe: 'x' })).toEqual([])
})

describe('of a switch', () => {
  const service = {
    ...{ name: 'order', from: aSide('blue', 'a'), to: aSide('green', 'b') },
    ...{ endpointsMs: 132, consumersMs: null, epoch: null, recycled: null },
  }
  const moved = { release: 'r-1', services: [service] }

  it('is in its JSON, or null with the reason', () => {
    expect(movedResult({ ...moved, probe }).document).toMatchObject({ version: 1, probe })
    expect(movedResult({ ...moved, withoutProbe: '--no-probe was given' }).document).toMatchObject({
      ...{ probe: null, withoutProbe: '--no-probe was given' },
    })
    expect(movedResult(moved).document).toMatchObject({ probe: null })
  })

  it('is below its proof, and beside it in the summary', () => {
    const { text, tables } = movedResult({ ...moved, probe })
    expect(plain(text)).toMatch(/^order .* 132 ms.*\nprobe: 731 requests, 0 failed/m)
    expect(tables?.map(([heading]) => heading?.[0])).toEqual(['SERVICE', 'PROBE'])
    expect(plain(movedResult({ ...moved, withoutProbe: 'x' }).text)).toMatch(/\nno probe: x$/)
  })
})
