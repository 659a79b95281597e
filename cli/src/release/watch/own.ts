// The gates of the user: expressions for Prometheus, each with a limit.
import type { OwnGate } from '../../config/watch.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { GateRecord } from '../watch-record.ts'
import { uncounted } from './service-watch.ts'
import { numberText } from './words.ts'

export interface OwnWatch {
  gate: OwnGate
  /** Its value when the switch began. null: it had none. */
  before: number | null
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
        return { gate, before, latest: ownVerdict(gate, before, null, metrics !== null) }
      }),
  )
}

/** Asks for the values now. */
export async function lookOwn(metrics: Metrics | null, watches: readonly OwnWatch[]) {
  await Promise.all(
    watches.map(async (watch) => {
      const { gate, before } = watch
      // A breach stays one until somebody forgives it.
      const found = (await metrics?.value(gate.query)) ?? null
      watch.latest = ownVerdict(gate, before, found, metrics !== null)
    }),
  )
}

/** `now` null: it was not answered. */
export function ownVerdict(
  { name, limit, mode }: OwnGate,
  before: number | null,
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
  const isBreach = now.value !== null && now.value > limit
  return {
    ...of,
    outcome: isBreach ? 'breach' : 'passes',
    what: `${value}; the limit is ${numberText(limit)}`,
  }
}
