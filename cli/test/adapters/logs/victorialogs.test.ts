// The queries for VictoriaLogs. Its answers: cli/test/apart/logs.test.ts asks the real one.
import { expect, it } from 'vitest'
import { createVictoriaLogs, logsQl } from '../../../src/adapters/logs/victorialogs.ts'
import type { LogQuery } from '../../../src/release/ports/logs.ts'

const any = { services: ['order'], color: null, text: null, word: null }
const ofOrder = `{k8s.namespace.name="shop"} ("service.name":in("order") or "service":in("order"))`

it.each<[Partial<LogQuery>, string]>([
  [{}, ofOrder],
  [{ color: 'blue' }, `${ofOrder} ("service.color":="blue" or "color":="blue")`],
  [{ text: 'a.b(c) "d" \\' }, String.raw`${ofOrder} _msg:~"a\\.b\\(c\\) \"d\" \\\\"`],
  [{ word: 'o-1' }, `${ofOrder} _msg:"o-1"`],
  [{ word: '" or *' }, String.raw`${ofOrder} _msg:"\" or *"`],
])('asks for %j', (query, expected) => {
  const [filters, fields] = logsQl('shop', { ...any, ...query }).split(' | fields ')
  expect(filters).toBe(expected)
  expect(fields).toMatch(/^"_time","_msg","k8s.pod.name"/)
})

const signal = new AbortController().signal
const query: LogQuery = { ...any, since: new Date(0), limit: 2 }

function stored(answer: { status: number; text: string } | null) {
  const paths: string[] = []
  const store = createVictoriaLogs({
    ...{ name: 'a/b:1', namespace: 'shop', now: () => new Date(1_000_000) },
    ask: async (path) => {
      paths.push(path)
      return answer
    },
  })
  return { store, paths }
}

it('asks for one line more than it needs, until after now', async () => {
  const line = { _time: '2026-01-01T12:00:00Z', _msg: 'a', service: 'order', color: '' }
  const text = `${JSON.stringify(line)}\n`.repeat(3)
  const { store, paths } = stored({ status: 200, text })
  const { lines, more } = await store.read(query, signal)
  expect(more).toBe(true)
  expect(lines[0]).toEqual({
    ...{ time: line._time, service: 'order', color: null, pod: '', text: 'a', place: null },
  })
  const parameters = new URL(paths[0] ?? '', 'http://x').searchParams
  expect(Object.fromEntries(parameters)).toMatchObject({
    ...{ start: '1970-01-01T00:00:00.000Z', end: '1970-01-01T00:17:40.000Z', limit: '3' },
  })
})

it.each([
  [null, 'there is no such Service'],
  [{ status: 502, text: 'bad gateway\nmore' }, 'it answered 502: bad gateway'],
  [{ status: 200, text: '<html>' }, 'it answered 200: <html>'],
])('says that it got %j', async (answer, message) => {
  await expect(stored(answer).store.read(query, signal)).rejects.toMatchObject({ message })
})
