// Where lines are read from, and what is said when some are missing.
import { expect, it } from 'vitest'
import { failed } from '../../src/errors.ts'
import { followLogs, type LogPorts, readLogs } from '../../src/inspect/logs.ts'
import type { LogQuery } from '../../src/release/ports/logs.ts'
import { createFakeClock } from '../fakes/host.ts'
import { aLine, createFakeLogs } from '../fakes/logs.ts'

const query: LogQuery = {
  ...{ services: ['order'], color: null, since: null, text: null, word: null },
  limit: 3,
}

function scene() {
  const warnings: string[] = []
  const stop = new AbortController()
  const fakes = createFakeLogs()
  const ports: LogPorts = {
    ...fakes,
    clock: createFakeClock(),
    signal: stop.signal,
    warn: (note) => void warnings.push(note),
  }
  return { ...fakes, ports, warnings, stop }
}

function aTime(time: string): Date {
  return new Date(`2026-01-01T${time}.000Z`)
}

function messages({ lines }: { lines: { message: string }[] }): string[] {
  return lines.map(({ message }) => message)
}

it('reads the store where there is one', async () => {
  const { ports, logStore, podLogs, warnings } = scene()
  logStore.lines = [aLine(2), aLine(1), aLine(2)]
  podLogs.lines = [aLine(9)]
  const found = await readLogs(ports, query)
  expect(messages(found)).toEqual(['line 1', 'line 2'])
  expect(found).toMatchObject({ more: false, from: 'observability/logs:9428' })
  expect(warnings).toEqual([])
})

it('reads the pods where the store does not answer, with one warning', async () => {
  const { ports, logStore, podLogs, warnings } = scene()
  logStore.away = true
  podLogs.lines = [aLine(1, { place: null })]
  const found = await readLogs(ports, query)
  expect(messages(found)).toEqual(['line 1'])
  expect(found.from).toBe('pods')
  expect(warnings).toEqual([
    'The log store observability/logs:9428 cannot be asked, so these lines are from the pods: no answer within 15 s',
  ])
})

it('reads the pods where there is no store, and says what is missing', async () => {
  const { ports, podLogs, warnings } = scene()
  podLogs.lines = [aLine(1)]
  podLogs.notes = ['order-blue-1 ended before its log was read']
  expect(messages(await readLogs({ ...ports, logStore: null }, query))).toEqual(['line 1'])
  expect(warnings).toEqual(podLogs.notes)
})

it('does not hide a bug of the store', async () => {
  const { ports, logStore } = scene()
  logStore.read = async () => {
    throw new TypeError('a bug')
  }
  await expect(readLogs(ports, query)).rejects.toThrow('a bug')
})

it.each([
  [3, false, ['line 1', 'line 2', 'line 3'], false],
  [4, false, ['line 2', 'line 3', 'line 4'], true],
  [2, true, ['line 1', 'line 2'], true],
])('of %i lines, %s more: the latest', async (count, more, expected, isMore) => {
  const { ports, logStore } = scene()
  logStore.lines = Array.from({ length: count }, (_, index) => aLine(index + 1))
  logStore.more = more
  const found = await readLogs(ports, query)
  expect(messages(found)).toEqual(expected)
  expect(found.more).toBe(isMore)
})

it('leaves out what is older, or what the store found by another rule', async () => {
  const { ports, logStore } = scene()
  const wanted = { word: 'o-1', since: new Date(Date.UTC(2026, 0, 1, 12, 0, 2)) }
  logStore.lines = [1, 2, 3].map((second) => aLine(second, { text: second < 3 ? 'o-1' : 'o-1-2' }))
  const { lines } = await readLogs(ports, { ...query, ...wanted })
  expect(lines.map(({ time }) => time.slice(17, 19))).toEqual(['02'])
})

/** Follows, and before each further look at the store takes a step, which takes `seconds`. */
async function followWith(
  { ports, stop }: ReturnType<typeof scene>,
  steps: (() => void)[],
  { seconds = 2, ...more }: Partial<LogQuery> & { seconds?: number } = {},
): Promise<string[]> {
  const shown: string[] = []
  const { sleep } = ports.clock
  const clock = {
    ...ports.clock,
    sleep: async (_: number, signal?: AbortSignal) => {
      const step = steps.shift() ?? (() => stop.abort())
      step()
      await sleep(seconds * 1_000, signal)
    },
  }
  const wanted = { ...query, ...more }
  const following = followLogs({ ...ports, clock }, wanted, ({ message }) => shown.push(message))
  await expect(following).rejects.toMatchObject({ exitCode: 130 })
  return shown
}

it('follows the store: each line once, and a store that is away for a moment', async () => {
  const all = scene()
  const { logStore, warnings } = all
  logStore.lines = [aLine(1)]
  const shown = await followWith(all, [
    () => void logStore.lines.push(aLine(3), aLine(2)),
    () => {
      logStore.away = true
    },
    () => {},
    () => {
      logStore.away = false
      logStore.lines.push(aLine(4))
    },
  ])
  expect(shown).toEqual(['line 1', 'line 2', 'line 3', 'line 4'])
  expect(warnings).toEqual([expect.stringMatching(/cannot be asked: no answer/)])
})

it('shows a line of another node that arrives a minute late', async () => {
  const all = scene()
  const { logStore } = all
  logStore.lines = [aLine(1)]
  const find = logStore.read
  logStore.read = async (wanted, signal) => {
    const { lines, ...found } = await find(wanted, signal)
    return { ...found, lines: lines.filter(({ time }) => new Date(time) >= (wanted.since ?? 0)) }
  }
  const node = { pod: 'order-blue-2', place: { file: '/pods/order-blue-2/0.log', offset: 0 } }
  const shown = await followWith(
    all,
    [
      () => void logStore.lines.push(aLine(55)),
      () => void logStore.lines.push(aLine(3, { ...node, text: 'late' })),
    ],
    { seconds: 28 },
  )
  expect(shown).toEqual(['line 1', 'line 55', 'late'])
})

it.each<[string, Partial<LogQuery>, number, Date]>([
  ['an asked time', { since: aTime('12:00:00'), limit: 3 }, 1, aTime('12:00:00')],
  ['what was left off', { since: aTime('12:00:00'), limit: 3 }, 5, aTime('12:00:03')],
  ['a minute', {}, 1, aTime('11:59:01')],
])('does not go back behind %s', async (_, wanted, count, since) => {
  const all = scene()
  all.logStore.lines = Array.from({ length: count }, (_, index) => aLine(index + 1))
  await followWith(all, [() => {}], wanted)
  expect(all.logStore.asked[1]).toMatchObject({ limit: 10_000, since })
})

it.each([
  ['nothing, where it starts with lines that were shown', 2, []],
  ['a gap', 5, [expect.stringMatching(/some are left off/)]],
])('says of a full answer: %s', async (_, first, warned) => {
  const all = scene()
  const { logStore, warnings } = all
  logStore.lines = [aLine(1), aLine(2)]
  await followWith(all, [
    () => {
      logStore.more = true
      logStore.lines = [aLine(first), aLine(6)]
    },
  ])
  expect(warnings).toEqual(warned)
})

it('says how an answer that is too long becomes shorter', async () => {
  const all = scene()
  all.logStore.read = async () => {
    throw failed({ code: 'answer-too-long', message: 'the answer is longer than 16 MiB' })
  }
  await readLogs(all.ports, query)
  expect(all.warnings).toEqual([
    'The log store observability/logs:9428 cannot be asked, so these lines are from the pods: the answer is longer than 16 MiB. Choose fewer lines with a smaller --limit, --since, --grep, --color or a service.',
  ])
})

it('follows the pods: what was read before is not shown again', async () => {
  const { ports, podLogs, warnings } = scene()
  podLogs.lines = [aLine(1), aLine(2)]
  podLogs.notes = ['order-blue-1 has ended']
  const shown: string[] = []
  const following = followLogs({ ...ports, logStore: null }, query, ({ message }) =>
    shown.push(message),
  )
  await expect(following).rejects.toMatchObject({ exitCode: 130 })
  expect(shown).toEqual(['line 1', 'line 2'])
  expect(warnings).toContain('order-blue-1 has ended')
})
