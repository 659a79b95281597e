// What was measured during an operation, in the words of its tables. Pure.

/** As `switch` and `rollback` show them. */
const headings = new Map([
  ['endpointsMs', 'HTTP'],
  ['consumersMs', 'EVENTS'],
  ['handoverMs', 'HANDOVER'],
])

/** `endpointsMs` → `HTTP`, `epoch` → `EPOCH`. */
export function headingOf(name: string): string {
  return headings.get(name) ?? name.replaceAll(/[A-Z]/g, (letter) => ` ${letter}`).toUpperCase()
}

export function measuredText(name: string, value: string | number | null): string {
  if (value === null) return '-'
  return headings.has(name) ? `${value} ms` : String(value)
}
