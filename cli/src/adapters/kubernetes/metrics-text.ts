// Reads what a pod has counted from its metrics, in the text format of Prometheus or OpenMetrics. Pure.
import type { PodReading, Tally } from '../../release/ports/pod-metrics.ts'

interface Sample {
  name: string
  labels: Readonly<Record<string, string>>
  value: number
}

// A line is a name, labels and a value; a timestamp and an exemplar may follow.
const nameFirst = /^[A-Za-z_:][\w:]*/
const labelsFirst = /^\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\}/
const valueFirst = /^\s+(\S+)/
const label = /\b([A-Za-z_]\w*)="([^"\\]*(?:\\.[^"\\]*)*)"/g
const escapes: Readonly<Record<string, string>> = { n: '\n', '\\': '\\', '"': '"' }

/** The metrics that are read. A page has many others. */
const wanted =
  /^(process_start_time_seconds|http_request_duration_seconds_(count|bucket)|event_handler_duration_seconds_count|event_age_seconds_(count|sum))[{\s]/

export function samplesOf(text: string): Sample[] {
  return text.split('\n').flatMap((row): Sample[] => {
    if (!wanted.test(row)) return []
    const [name = ''] = nameFirst.exec(row) ?? []
    const rest = row.slice(name.length)
    const [given = ''] = labelsFirst.exec(rest) ?? []
    const [, value = 'NaN'] = valueFirst.exec(rest.slice(given.length)) ?? []
    const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value)
    return Number.isNaN(number) ? [] : [{ name, labels: labelsOf(given), value: number }]
  })
}

function labelsOf(text: string): Record<string, string> {
  const found = [...text.matchAll(label)].map(([, name = '', value = '']): [string, string] => [
    name,
    value.replaceAll(/\\(.)/g, (_, character: string) => escapes[character] ?? character),
  ])
  return Object.fromEntries(found)
}

/** Of the live plane. null: the text has no metrics. A service without planes has no such label. */
export function readingOf(text: string): PodReading | null {
  const samples = samplesOf(text).filter(({ labels: { plane = 'live' } }) => plane === 'live')
  if (samples.length === 0) return null
  const sum = (name: string, is: (labels: Sample['labels']) => boolean = () => true): number =>
    samples
      .filter((each) => each.name === name && is(each.labels))
      .reduce((total, { value }) => total + value, 0)
  const by = (name: string, key: string, is: (labels: Sample['labels']) => boolean = () => true) =>
    Object.fromEntries(
      [
        ...new Set(
          samples.flatMap(({ name: of, labels }) =>
            of === name && is(labels) && labels[key] !== undefined ? [labels[key]] : [],
          ),
        ),
      ].map((value) => [normal(value), sum(name, (labels) => labels[key] === value && is(labels))]),
    )
  const requests = 'http_request_duration_seconds'
  const attempts = 'event_handler_duration_seconds_count'
  const started = samples.find(({ name }) => name === 'process_start_time_seconds')
  const { '+Inf': _, ...within } = by(`${requests}_bucket`, 'le')
  const tally: Tally = {
    requests: sum(`${requests}_count`),
    failedRequests: sum(`${requests}_count`, ({ status = '' }) => status.startsWith('5')),
    within,
    attempts: sum(attempts, ({ outcome }) => isAttempt(outcome)),
    failedAttempts: sum(attempts, ({ outcome }) => isFailure(outcome)),
    parked: by(attempts, 'type', ({ outcome }) => outcome === 'parked'),
    consumed: sum('event_age_seconds_count'),
    ageSum: sum('event_age_seconds_sum'),
  }
  return { startedAt: started?.value ?? null, tally }
}

/** Others are no attempt: the message waits for another system, or was handled before. */
function isAttempt(outcome: string | undefined): boolean {
  return outcome === 'handled' || isFailure(outcome)
}

function isFailure(outcome: string | undefined): boolean {
  return outcome === 'failed' || outcome === 'parked'
}

/** OpenMetrics writes a bound as `1.0`. */
function normal(value: string): string {
  return /^\d+\.\d+$/.test(value) ? String(Number(value)) : value
}
