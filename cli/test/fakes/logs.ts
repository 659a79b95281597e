// Logs in memory: of the pods, and of a store that may be away.
import { failed } from '../../src/errors.ts'
import type { LogQuery, LogStore, PodLogs, RawLine } from '../../src/release/ports/logs.ts'

export interface FakeLogs {
  podLogs: PodLogs & { lines: RawLine[]; notes: string[]; more: boolean }
  logStore: LogStore & { lines: RawLine[]; away: boolean; more: boolean; asked: LogQuery[] }
}

/** `second` of one minute. */
export function aLine(second: number, more: Partial<RawLine> = {}): RawLine {
  return {
    time: new Date(Date.UTC(2026, 0, 1, 12, 0, second)).toISOString(),
    ...{ service: 'order', color: 'blue', pod: 'order-blue-1', text: `line ${second}` },
    place: { file: '/pods/order-blue-1/0.log', offset: second },
    ...more,
  }
}

export function createFakeLogs(): FakeLogs {
  const podLogs: FakeLogs['podLogs'] = {
    lines: [],
    notes: [],
    more: false,
    async read(_, matches) {
      const { lines, notes, more } = podLogs
      return { lines: lines.filter(({ text }) => matches(text)), notes, more }
    },
    async *follow() {
      yield* podLogs.lines
      yield* podLogs.notes
    },
  }
  const logStore: FakeLogs['logStore'] = {
    name: 'observability/logs:9428',
    lines: [],
    away: false,
    more: false,
    asked: [],
    async read(query) {
      logStore.asked.push(query)
      if (logStore.away) throw failed({ code: 'log-store', message: 'no answer within 15 s' })
      return { lines: logStore.lines, more: logStore.more, notes: [] }
    },
  }
  return { podLogs, logStore }
}
