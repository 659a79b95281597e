// What was measured during an operation, in the words of its tables. Pure.
import { isTallied, tallyText } from '../release/move/open-work.ts'
import type { Operation } from '../release/record.ts'

/** As `switch` and `rollback` show them. */
const headings = new Map([
  ['endpointsMs', 'HTTP'],
  ['consumersMs', 'EVENTS'],
  ['handoverMs', 'HANDOVER'],
])

/** What has a column in these tables. */
export function columnsOf({ services }: Operation): string[] {
  const fields = services.flatMap(({ proof }) => Object.keys(proof ?? {}))
  return [...new Set(fields)].filter((field) => !isTallied(field))
}

/** What stands below: columns for it would be too many. */
export function openLines({ services }: Operation): string[] {
  return services.flatMap((service) => tallyText(service, service.proof) ?? [])
}

/** `endpointsMs` → `HTTP`, `epoch` → `EPOCH`. */
export function headingOf(name: string): string {
  return headings.get(name) ?? name.replaceAll(/[A-Z]/g, (letter) => ` ${letter}`).toUpperCase()
}

export function measuredText(name: string, value: string | number | null): string {
  if (value === null) return '-'
  return headings.has(name) ? `${value} ms` : String(value)
}
