// The gates of the user: expressions for Prometheus, each with a limit.
import type { OwnGate } from '../../config/watch.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { GateRecord } from '../watch-record.ts'
import { uncounted } from './judged.ts'
import { numberText } from './words.ts'

export interface OwnWatch {
  gate: OwnGate
  /** Its value when the switch began. null: it had none. */
  before: number | null
  /** A cause outside may have brought it above its limit, and it has not been below since. */
  isForgiven: boolean
  latest: GateRecord
}

export async function watchOwn(
  metrics: Metrics | null,
  gates: readonly OwnGate[],
  at: Date,
): Promise<OwnWatch[]> {
  return Promise.all(
    gates
      .filter(({ mode }) => mode !== 'off')
      .map(async (gate): Promise<OwnWatch> => {
        const before = (await metrics?.value(gate.query, at))?.value ?? null
        const known = { before, isForgiven: false }
        return { gate, ...known, latest: ownVerdict(gate, known, null, metrics !== null) }
      }),
  )
}

/** Asks for the values now. */
export async function lookOwn(metrics: Metrics | null, watches: readonly OwnWatch[]) {
  await Promise.all(
    watches.map(async (watch) => {
      const { gate } = watch
      const found = (await metrics?.value(gate.query)) ?? null
      if (typeof found?.value === 'number' && found.value <= gate.limit) watch.isForgiven = false
      watch.latest = ownVerdict(gate, watch, found, metrics !== null)
    }),
  )
}

/**
 * The cause of what was found so far is outside. A query that looks back stays above its limit for a while after that,
 * so a gate that is above does not judge before it has been below.
 */
export function forgiveOwn(watches: readonly OwnWatch[]): void {
  // One that was not read may be above, too.
  for (const watch of watches) watch.isForgiven ||= watch.latest.outcome !== 'passes'
}

/** `now` null: it was not answered. */
export function ownVerdict(
  { name, limit, mode }: OwnGate,
  { before, isForgiven }: Pick<OwnWatch, 'before' | 'isForgiven'>,
  now: { value: number | null } | null,
  hasMetrics: boolean,
): GateRecord {
  const of = {
    ...uncounted,
    gate: name,
    service: null,
    mode: mode === 'dry-run' ? mode : 'on',
  } as const
  if (before !== null && before > limit)
    return {
      ...of,
      outcome: 'off',
      what: `off: it was ${numberText(before)} before the switch, above ${numberText(limit)}`,
    }
  if (now === null)
    return {
      ...of,
      outcome: 'unread',
      what: hasMetrics ? 'Prometheus does not answer' : 'this environment names no Prometheus',
    }
  const value = now.value === null ? 'no value' : numberText(now.value)
  if (isForgiven)
    return {
      ...of,
      outcome: 'off',
      what: `off: ${value}, and never at or below ${numberText(limit)} since both slots failed`,
    }
  const isBreach = now.value !== null && now.value > limit
  return {
    ...of,
    outcome: isBreach ? 'breach' : 'passes',
    what: `${value}; the limit is ${numberText(limit)}`,
  }
}
