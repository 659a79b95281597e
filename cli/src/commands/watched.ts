// What a watch has found, as text.
import { table } from '../output/table.ts'
import { bad, wrapped } from '../output/text.ts'
import { gateName, shareText, textOf } from '../release/watch/words.ts'
import type { GateRecord, WatchRecord } from '../release/watch-record.ts'

const outcomes: Readonly<Record<NonNullable<WatchRecord['outcome']>, string>> = {
  passed: 'the watch has found nothing',
  inconclusive: 'nothing speaks against it, and too little for it',
  breached: 'it is worse than before',
  outside: 'something else has failed, and it was not rolled back',
  ended: 'the watch was ended',
}

export function outcomeText({ outcome, note }: WatchRecord): string {
  const what = outcome === null ? 'the watch goes on, or has died' : outcomes[outcome]
  return note === null ? what : `${what}: ${note}`
}

/** A table of all gates, and what there is to say of those that do not pass. */
export function watchText(release: string, record: WatchRecord, width: number): string {
  const { gates } = record
  const others = gates.filter(({ outcome }) => outcome !== 'passes')
  return [
    wrapped(`${release}: ${outcomeText(record)}`, width),
    ...(gates.length > 0 ? [table(gateRows(record), width)] : []),
    ...others.map((gate) => wrapped(textOf(gate), width)),
  ].join('\n')
}

export function gateRows({ gates }: WatchRecord): string[][] {
  const rows = gates.map((gate) => {
    const { failures, requests, limit, tolerated } = gate
    return [
      gateName(gate),
      verdictOf(gate),
      requests === null ? '-' : `${failures}/${requests}`,
      limit === null ? '-' : String(limit),
      tolerated === null ? '-' : shareText(tolerated),
    ]
  })
  return [['GATE', 'VERDICT', 'FAILED', 'LIMIT', 'TOLERATED'], ...rows]
}

function verdictOf({ outcome, mode }: GateRecord): string {
  if (outcome !== 'breach') return outcome
  return bad(mode === 'dry-run' ? 'breach, dry-run' : outcome)
}
