// What was usual before a switch: by Prometheus, or else by what the pods of the old slot have counted.

import type { Pods } from '../ports/cluster.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { PodMetrics, Tally } from '../ports/pod-metrics.ts'
import { type Side, targetOf } from '../slot.ts'
import { type Before, spanBefore } from './service-watch.ts'
import { emptyTally, sumOf } from './tally.ts'

export interface BeforePorts {
  metrics: Metrics | null
  pods: Pick<Pods, 'list'>
  podMetrics: PodMetrics
}

/** @param at when the switch began */
export async function readBefore(
  { metrics, pods, podMetrics }: BeforePorts,
  moves: readonly { name: string; from: Side | null }[],
  at: Date,
): Promise<Record<string, Before>> {
  const span = { from: new Date(at.getTime() - spanBefore * 1_000), to: at }
  const names = moves.map(({ name }) => name)
  const known = (await metrics?.counted(span, names)) ?? {}
  const found = moves.map(async ({ name, from }): Promise<[string, Before]> => {
    const tally = known[name]
    const tallies = from && podMetrics.isNamed(name) ? await talliesOf(name, from) : []
    const counted = sumOf(tallies)
    if (tally && tally.requests + tally.attempts > 0) {
      // A series of Prometheus begins with its first message, and that is no increase: it does not see a lone one.
      const { parked } = sumOf([tally, { ...emptyTally, parked: counted.parked }])
      return [name, { tally: { ...tally, parked }, source: 'prometheus' }]
    }
    return [name, { tally: counted, source: tallies.length > 0 ? 'pods' : 'nowhere' }]
  })
  /** What is not read is not known. */
  async function talliesOf(name: string, side: Side): Promise<Tally[]> {
    const listed = await pods.list(name, targetOf(side)).catch(() => [])
    const readings = await Promise.all(
      listed.map((pod) => podMetrics.read(name, pod).catch(() => null)),
    )
    return readings.flatMap((reading) => reading?.tally ?? [])
  }
  return Object.fromEntries(await Promise.all(found))
}

export const unknownBefore: Before = { tally: emptyTally, source: 'nowhere' }
