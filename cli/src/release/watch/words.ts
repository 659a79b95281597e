// What gates say, in words. Pure.
import type { GateRecord } from '../watch-record.ts'
import type { Verdict } from './gate.ts'
import type { Counts } from './tolerated.ts'

/** Where the counts before the switch are from. */
export type BeforeSource = 'prometheus' | 'pods' | 'probe' | 'database' | 'nowhere'

const sources: Readonly<Record<BeforeSource, string>> = {
  prometheus: 'in the half hour before, by Prometheus',
  pods: 'before, by the pods of the old slot',
  probe: 'before, by the probe',
  database: 'in the half hour before, by its database',
  nowhere: 'before: nobody knows more',
}

export function shareText(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`
}

export function numberText(value: number): string {
  return value.toLocaleString('en-US')
}

function countText({ failures, requests }: Counts): string {
  return `${numberText(failures)} of ${numberText(requests)}`
}

/** `errors of order`, `probe`. */
export function gateName({ gate, service }: Pick<GateRecord, 'gate' | 'service'>): string {
  return service === null ? gate : `${gate} of ${service}`
}

/** `unit`: `requests failed`. */
export function verdictText(
  verdict: Verdict,
  { unit, before, source }: { unit: string; before: Counts; source: BeforeSource },
): string {
  const { outcome, tolerated, limit, since, burst } = verdict
  const known = `${countText(before)} ${sources[source]}`
  if (outcome === 'off')
    return `off: ${shareText(tolerated)} would be tolerated, since it knows too little (${known})`
  const parts = [
    `${countText(verdict)} ${unit}`,
    ...(since === null ? [] : [`since ${timeText(since)}`]),
    ...(limit === null ? [] : [`${numberText(limit)} would be a breach`]),
    ...(burst === null
      ? []
      : [`not counting ${countText(burst)} in the ${burst.seconds} s from ${timeText(burst.at)}`]),
    `${shareText(tolerated)} tolerated (${known})`,
  ]
  const limited =
    outcome === 'breach' ? parts.map((part) => part.replace(' would be ', ' are ')) : parts
  return limited.join(', ')
}

/** `12:03:41Z`, of unix time. */
export function timeText(at: number): string {
  return `${new Date(at * 1_000).toISOString().slice(11, 19)}Z`
}

/** `4 min 30 s` */
export function spanText(ms: number): string {
  const seconds = Math.round(ms / 1_000)
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60]
  if (minutes === 0) return `${rest} s`
  return rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`
}

/** What a gate says, in a line. */
export function textOf(gate: GateRecord): string {
  return `${gateName(gate)}: ${gate.what}`
}
