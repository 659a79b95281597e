// What the probe of a switch or rollback has measured, as text.
import { bad, fitted, oneLine, wrapped } from '../output/text.ts'
import type { Probed } from '../release/move/probing.ts'
import { type FailedRequest, type ProbeRecord, phases } from '../release/probe-record.ts'

/** Failed requests that are named. */
const named = 3

/** Two lines, and a third one with failures. */
export function probeLines({ probe, withoutProbe }: Probed, width: number): string[] {
  if (withoutProbe !== undefined) return [wrapped(`no probe: ${oneLine(withoutProbe)}`, width)]
  if (!probe) return []
  const failures = `${probe.failures} failed`
  const count = probe.failures > 0 ? bad(failures) : failures
  return [
    wrapped(`probe: ${probe.requests} requests, ${count}${oldText(probe)}`, width),
    wrapped(`  p50/p99 ms: ${phases.map((phase) => phaseText(phase, probe)).join(', ')}`, width),
    ...(probe.failures > 0 ? [wrapped(`  failed: ${failedText(probe)}`, width)] : []),
  ]
}

export function probeRows({ probe }: Probed): string[][] {
  if (!probe) return []
  const rows = phases.map((phase) => {
    const { requests, failures, p50Ms, p99Ms } = probe[phase]
    return [phase, String(requests), String(failures), msText(p50Ms), msText(p99Ms)]
  })
  return [['PROBE', 'REQUESTS', 'FAILED', 'P50', 'P99'], ...rows]
}

function oldText({ lastOldAnswerMs }: ProbeRecord): string {
  return lastOldAnswerMs === null
    ? ''
    : `, last answer of the old color after ${short(lastOldAnswerMs)} ms`
}

function phaseText(phase: (typeof phases)[number], probe: ProbeRecord): string {
  const { requests, p50Ms, p99Ms } = probe[phase]
  return p50Ms === null || p99Ms === null
    ? `${phase} - (${requests})`
    : `${phase} ${short(p50Ms)}/${short(p99Ms)} (${requests})`
}

function failedText(probe: ProbeRecord): string {
  const counts = phases.flatMap((phase) => {
    const { failures } = probe[phase]
    return failures > 0 ? [`${failures} ${phase}`] : []
  })
  const first = probe.failed.slice(0, named).map(requestText)
  return `${counts.join(', ')}; ${[...first, ...(probe.failures > named ? ['…'] : [])].join(', ')}`
}

function requestText({ atMs, what }: FailedRequest): string {
  return `${fitted(oneLine(what), 60)} at ${atMs} ms`
}

function msText(ms: number | null): string {
  return ms === null ? '-' : `${short(ms)} ms`
}

/** Tenths below 10 ms only: a line is short. */
function short(ms: number): number {
  return ms < 10 ? ms : Math.round(ms)
}
