// What was usual before a switch, from two sources.
import { describe, expect, it } from 'vitest'
import type { PodReading, Tally } from '../../../src/release/ports/pod-metrics.ts'
import { readBefore } from '../../../src/release/watch/before.ts'
import { createFakeMetrics } from '../../fakes/metrics.ts'
import { aReading, aTally, createFakePodMetrics } from '../../fakes/pod-metrics.ts'
import { aSide } from '../../fakes/state.ts'

const from = aSide('blue', 'a')

async function before(known: Tally | null, reading: PodReading | null) {
  const counted = async () => known && { order: known }
  const pods = { list: async () => ['a', 'b'] }
  const podMetrics = { ...createFakePodMetrics(), read: async () => reading }
  const ports = { metrics: { ...createFakeMetrics(), counted }, pods, podMetrics }
  return (await readBefore(ports, [{ name: 'order', from }], new Date(0))).order
}

describe('before a switch', () => {
  const known = aTally({ requests: 1_000, parked: { x: 2 } })
  it.each<[string, Tally | null, PodReading | null, Awaited<ReturnType<typeof before>>]>([
    ['Prometheus tells', known, null, { tally: known, source: 'prometheus' }],
    [
      'the pods tell where Prometheus does not',
      null,
      aReading({ requests: 10 }),
      { tally: aTally({ requests: 20 }), source: 'pods' },
    ],
    ['nobody tells', null, null, { tally: aTally({ within: {} }), source: 'nowhere' }],
    [
      'the pods know kinds of messages that Prometheus has not seen grow',
      known,
      aReading({ requests: 10, parked: { x: 1, lone: 1 } }),
      {
        tally: aTally({ requests: 1_000, parked: { x: 4, lone: 2 } }),
        source: 'prometheus',
      },
    ],
  ])('%s', async (_, prometheus, reading, expected) => {
    expect(await before(prometheus, reading)).toEqual(expected)
  })
})
