// Loki by its documented answers, since there is none here: grafana.com/docs/loki/latest/reference/loki-http-api.
import { expect, it } from 'vitest'
import { createLoki, logQl } from '../../../src/adapters/logs/loki.ts'
import type { LogQuery } from '../../../src/release/ports/logs.ts'

const any = { services: ['order', 'payment'], color: null, text: null, word: null }
const ofBoth = '{k8s_namespace_name="shop", service_name=~"order|payment"}'

it.each<[Partial<LogQuery>, string]>([
  [{}, ofBoth],
  [{ color: 'blue' }, `${ofBoth} | service_color="blue"`],
  [{ text: 'a "b" \\' }, String.raw`${ofBoth} |= "a \"b\" \\"`],
  [{ word: 'o-1', text: 'x', color: 'green' }, `${ofBoth} |= "x" |= "o-1" | service_color="green"`],
])('asks for %j', (query, expected) => {
  expect(logQl('shop', { ...any, ...query })).toBe(expected)
})

const signal = new AbortController().signal
const query: LogQuery = { ...any, since: new Date(5_000), limit: 2 }

function stored(answer: { status: number; text: string } | null) {
  const paths: string[] = []
  const store = createLoki({
    ...{ name: 'a/b:1', namespace: 'shop', now: () => new Date(40 * 86_400_000) },
    ask: async (path) => {
      paths.push(path)
      return answer
    },
  })
  const asked = () => {
    const { pathname, searchParams } = new URL(paths[0] ?? '', 'http://x')
    return { pathname, ...Object.fromEntries(searchParams) }
  }
  return { store, asked }
}

/** Structured metadata is among the labels. */
const stream = {
  ...{ k8s_namespace_name: 'shop', k8s_pod_name: 'order-blue-1', service_name: 'order' },
  ...{ service_color: 'blue', log_file_record_offset: '12' },
  log_file_path: '/pods/shop_order-blue-1_1/order/0.log.20260101-000000',
}

function success(result: object[]) {
  const data = { resultType: 'streams', result, stats: {} }
  return { status: 200, text: JSON.stringify({ status: 'success', data }) }
}

it('reads each line with its attributes', async () => {
  const values = [['1767268800123456789', '{"msg":"a"}', {}]]
  const others = { ...stream, service_name: 'unknown_service', service: 'payment' }
  const { store, asked } = stored(
    success([
      { stream, values },
      { stream: others, values: [['1767268801000000000', 'b']] },
    ]),
  )
  const found = await store.read(query, signal)
  expect(found).toEqual({
    more: false,
    notes: [],
    lines: [
      {
        ...{ time: '2026-01-01T12:00:00.123456789Z', service: 'order', color: 'blue' },
        ...{ pod: 'order-blue-1', text: '{"msg":"a"}' },
        place: { file: '/pods/shop_order-blue-1_1/order/0.log', offset: 12 },
      },
    ],
  })
  expect(asked()).toMatchObject({
    ...{ pathname: '/loki/api/v1/query_range', direction: 'backward', limit: '3' },
    ...{ start: '5000000000', end: '3456060000000000' },
  })
})

it('asks no further back than Loki lets it, and not for more lines', async () => {
  const { store, asked } = stored(success([]))
  await store.read({ ...query, since: null, limit: 10_000 }, signal)
  expect(asked()).toMatchObject({ start: '864060000000000', limit: '5000' })
})

it('knows when there are more lines', async () => {
  const values = ['1', '2', '3'].map((time) => [time, 'a'])
  const { store } = stored(success([{ stream, values }]))
  expect(await store.read(query, signal)).toMatchObject({ more: true, lines: { length: 3 } })
})

it.each([
  [null, 'there is no such Service'],
  [{ status: 400, text: 'parse error : syntax error' }, /answered 400: parse error/],
  [{ status: 200, text: '{"status":"success","data":{}}' }, /answered 200: \{"status"/],
  [{ status: 200, text: '<html>' }, /answered 200: <html>/],
])('says that it got %j', async (answer, message) => {
  await expect(stored(answer).store.read(query, signal)).rejects.toThrow(message)
})
