// What was measured, as a table for people and as figures for programs; pure.

export type Verb = 'switch' | 'rollback'

/** One move. Times are milliseconds after Enter, the start of its command. */
export interface Sample {
  tool: string
  verb: Verb
  services: number
  /** Since then, the Services have led to pods of the new version alone. */
  switchedMs: number
  /** The end of the command. */
  commandMs: number
  /** Of each client, the last answer of the old version. null: it still got some when nobody waited any longer. */
  lastOldMs: (number | null)[]
  requests: number
  failed: number
  broken: number
}

/** All samples of a tool and a move. `null` stands for longer than anybody waited. */
export interface Row {
  tool: string
  verb: Verb
  services: number
  rounds: number
  switchedMs: { median: number; p95: number; worst: number }
  commandMs: { median: number; p95: number; worst: number }
  lastOldMs: { p95: number | null; worst: number | null }
  /** Clients that were never led to the new version, in all rounds. */
  stayed: number
  requests: number
  failed: number
  broken: number
}

/** The nearest rank: a value that was measured. NaN: there is none. */
export function percentile(samples: readonly number[], percent: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.max(1, Math.ceil((sorted.length * percent) / 100)) - 1] ?? Number.NaN
}

function spread(samples: readonly number[]) {
  const [median = Number.NaN, p95 = Number.NaN, worst = Number.NaN] = [50, 95, 100].map((percent) =>
    percentile(samples, percent),
  )
  return { median, p95, worst }
}

/** One row for each move and tool, in the order in which they were measured first. */
export function rowsOf(samples: readonly Sample[]): Row[] {
  const groups = Map.groupBy(samples, ({ tool, verb, services }) => `${services} ${verb} ${tool}`)
  return [...groups.values()].map(rowOf).toSorted(byMove)
}

function byMove(one: Row, other: Row): number {
  return one.services - other.services || verbs.indexOf(one.verb) - verbs.indexOf(other.verb)
}

const verbs: readonly Verb[] = ['switch', 'rollback']

function rowOf(samples: readonly Sample[]): Row {
  const [{ tool, verb, services } = { tool: '', verb: 'switch', services: 0 } as const] = samples
  // The few that stay are the worst.
  const last = samples.flatMap(({ lastOldMs }) =>
    lastOldMs.map((ms) => ms ?? Number.POSITIVE_INFINITY),
  )
  const finite = (ms: number): number | null => (Number.isFinite(ms) ? ms : null)
  const sum = (of: (sample: Sample) => number): number =>
    samples.reduce((total, sample) => total + of(sample), 0)
  return {
    tool,
    verb,
    services,
    rounds: samples.length,
    switchedMs: spread(samples.map(({ switchedMs }) => switchedMs)),
    commandMs: spread(samples.map(({ commandMs }) => commandMs)),
    lastOldMs: { p95: finite(percentile(last, 95)), worst: finite(percentile(last, 100)) },
    stayed: last.filter((ms) => !Number.isFinite(ms)).length,
    requests: sum(({ requests }) => requests),
    failed: sum(({ failed }) => failed),
    broken: sum(({ broken }) => broken),
  }
}

/** Below a second, milliseconds. */
export function durationText(ms: number | null): string {
  if (ms === null) return 'never'
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}

const head = ['Move', 'By', 'Switched', 'Last old answer', 'Failed', 'Broken']

function counted(services: number): string {
  return services === 1 ? 'one service' : `${services} services`
}

/** Markdown. Times are the p95 and the worst. */
export function tableOf(rows: readonly Row[]): string {
  const pair = ({ p95, worst }: { p95: number | null; worst: number | null }): string =>
    p95 === null ? durationText(p95) : `${durationText(p95)}, ${durationText(worst)}`
  const lines = rows.map((row) => [
    `${row.verb} of ${counted(row.services)}`,
    row.tool,
    pair(row.switchedMs),
    pair(row.lastOldMs),
    `${row.failed} of ${row.requests}`,
    `${row.broken}`,
  ])
  return [head, head.map(() => '---'), ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n')
}
