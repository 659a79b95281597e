import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { V1EndpointSlice } from '@kubernetes/client-node'
import { expect, test } from 'vitest'
import { allAt, type Seen, startClients } from '../../bench/peer/clients.ts'
import { leadTo } from '../../bench/peer/endpoints.ts'
import { peerDefaults, peerOptions } from '../../bench/peer/peer.ts'
import { durationText, percentile, rowsOf, type Sample, tableOf } from '../../bench/peer/table.ts'

test.each([
  { percent: 50, expected: 2 },
  { percent: 95, expected: 4 },
  { percent: 75, expected: 3 },
  { percent: 0, expected: 1 },
])('the percentile $percent of 4, 1, 3, 2 is $expected', ({ percent, expected }) => {
  expect(percentile([4, 1, 3, 2], percent)).toBe(expected)
})

test.each([
  { ms: 0.4, expected: '0 ms' },
  { ms: 999.4, expected: '999 ms' },
  { ms: 999.6, expected: '1.0 s' },
  { ms: 29_512, expected: '29.5 s' },
  { ms: null, expected: 'never' },
])('$ms is $expected', ({ ms, expected }) => {
  expect(durationText(ms)).toBe(expected)
})

const sample: Sample = {
  tool: 'shopctl',
  verb: 'switch',
  services: 1,
  switchedMs: 300,
  commandMs: 900,
  lastOldMs: [400, 500],
  requests: 100,
  failed: 1,
  broken: 0,
}

test('one row for each move and tool: all clients of all rounds, moves side by side', () => {
  const rows = rowsOf([
    { ...sample, services: 4, failed: 0 },
    { ...sample, verb: 'rollback' },
    sample,
    { ...sample, switchedMs: 500, lastOldMs: [100, 2_000], requests: 50, broken: 3 },
    { ...sample, tool: 'bare patch', lastOldMs: [null, 30] },
  ])
  expect(rows.map(({ tool, verb, services }) => `${services} ${verb} ${tool}`)).toEqual([
    '1 switch shopctl',
    '1 switch bare patch',
    '1 rollback shopctl',
    '4 switch shopctl',
  ])
  expect(rows[0]).toMatchObject({
    rounds: 2,
    switchedMs: { median: 300, p95: 500, worst: 500 },
    commandMs: { median: 900, p95: 900, worst: 900 },
    lastOldMs: { p95: 2_000, worst: 2_000 },
    stayed: 0,
    requests: 150,
    failed: 2,
    broken: 3,
  })
  expect(rows[1]).toMatchObject({ lastOldMs: { p95: null, worst: null }, stayed: 1 })
})

test('the table', () => {
  const stays = { ...sample, tool: 'bare patch', lastOldMs: [null, null] }
  const four = { ...sample, verb: 'rollback', services: 4 } as const
  expect(tableOf(rowsOf([stays, sample, four]))).toBe(
    `
| Move | By | Switched | Last old answer | Failed | Broken |
| --- | --- | --- | --- | --- | --- |
| switch of one service | bare patch | 300 ms, 300 ms | never | 1 of 100 | 0 |
| switch of one service | shopctl | 300 ms, 300 ms | 500 ms, 500 ms | 1 of 100 | 0 |
| rollback of 4 services | shopctl | 300 ms, 300 ms | 500 ms, 500 ms | 1 of 100 | 0 |
`.trim(),
  )
})

function slice(service: string, pods: Record<string, boolean>): V1EndpointSlice {
  return {
    addressType: 'IPv4',
    metadata: { labels: { 'kubernetes.io/service-name': service } },
    endpoints: Object.entries(pods).map(([name, ready]) => ({
      addresses: [],
      conditions: { ready },
      targetRef: { kind: 'Pod', name },
    })),
  }
}

test.each([
  { what: 'all are new', slices: [slice('a', { new1: true, new2: true })], expected: true },
  {
    what: 'in two slices',
    slices: [slice('a', { new1: true }), slice('a', { new2: true })],
    expected: true,
  },
  { what: 'one is old', slices: [slice('a', { new1: true, old1: true })], expected: false },
  {
    what: 'an old one is not ready',
    slices: [slice('a', { new1: true, old1: false })],
    expected: true,
  },
  { what: 'none is ready', slices: [slice('a', { new1: false })], expected: false },
  { what: 'of another service', slices: [slice('b', { new1: true })], expected: false },
  { what: 'nothing', slices: [], expected: false },
])('a Service leads to new pods: $what', ({ slices, expected }) => {
  expect(leadTo(slices, ['a'], new Set(['new1', 'new2']))).toBe(expected)
})

test('two Services lead to new pods when both do', () => {
  const [one, two] = [slice('a', { new1: true }), slice('b', { new2: true })]
  expect(leadTo([one, two], ['a', 'b'], new Set(['new1', 'new2']))).toBe(true)
  expect(leadTo([one], ['a', 'b'], new Set(['new1', 'new2']))).toBe(false)
})

test.each([
  { what: 'only the new version', lastAt: { new: 5_000 }, expected: true },
  { what: 'the old one long ago', lastAt: { new: 5_000, old: 3_000 }, expected: true },
  { what: 'the old one just now', lastAt: { new: 5_000, old: 4_500 }, expected: false },
  { what: 'the old one alone', lastAt: { old: 5_000 }, expected: false },
])('clients are at the new version: $what', ({ lastAt, expected }) => {
  const at = (times: Record<string, number>): Seen => ({
    requests: 0,
    failed: 0,
    broken: 0,
    lastAt: new Map(Object.entries(times)),
  })
  const moment = { now: 5_000, forMs: 1_000 }
  expect(allAt([at({ new: 5_000 }), at(lastAt)], 'new', moment)).toBe(expected)
})

/** Runs two clients for a moment. `each` is called for each request, with its number. */
async function seenFrom(
  each: (n: number) => 'answer' | 'last answer' | 'error' | 'cut',
): Promise<Pick<Seen, 'failed' | 'broken'> & { answered: boolean; connections: number }> {
  let requests = 0
  let connections = 0
  const server = createServer((request, response) => {
    const what = each(requests)
    requests += 1
    if (what === 'cut') {
      request.socket.destroy()
      return
    }
    if (what === 'last answer') response.setHeader('connection', 'close')
    response.statusCode = what === 'error' ? 500 : 200
    response.end('{"version":"version 1"}')
  }).on('connection', () => {
    connections += 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const clients = startClients([url], 2)
  while (requests < 30) await sleep(5)
  await clients.stop()
  server.close()
  const sum = (of: 'failed' | 'broken'): number =>
    clients.seen.reduce((total, seen) => total + seen[of], 0)
  const answered = clients.seen.every(({ lastAt }) => lastAt.has('version 1'))
  return { failed: sum('failed'), broken: sum('broken'), answered, connections }
}

test('clients keep their connections', async () => {
  const seen = await seenFrom(() => 'answer')
  expect(seen).toEqual({ failed: 0, broken: 0, answered: true, connections: 2 })
})

test('a connection that the server asks to close is not broken', async () => {
  const seen = await seenFrom((n) => (n === 10 ? 'last answer' : 'answer'))
  expect(seen).toEqual({ failed: 0, broken: 0, answered: true, connections: 3 })
})

test('a connection that is cut under a request is broken, and the request has failed', async () => {
  const seen = await seenFrom((n) => (n === 10 ? 'cut' : 'answer'))
  expect(seen).toEqual({ failed: 1, broken: 1, answered: true, connections: 3 })
})

test('an error is a failure', async () => {
  const seen = await seenFrom((n) => (n === 10 ? 'error' : 'answer'))
  expect(seen).toEqual({ failed: 1, broken: 0, answered: true, connections: 2 })
})

test('options', () => {
  const options = peerOptions({ ...peerDefaults, peer: 'argo-rollouts' })
  expect(options).toMatchObject({ peer: 'argo-rollouts', rounds: 5 })
  expect(options.output).toMatch(/^\/.*\/dist\/bench\/argo-rollouts\.json$/)
})

test.each([
  { peer: 'flagger', code: 'bad-peer' },
  { rounds: '0', code: 'bad-rounds' },
  { rounds: '1.5', code: 'bad-rounds' },
  { rounds: 'many', code: 'bad-rounds' },
])('refuses $peer $rounds', ({ code, ...values }) => {
  expect(() => peerOptions({ ...peerDefaults, peer: 'argo-rollouts', ...values })).toThrow(
    expect.objectContaining({ code, exitCode: 2 }),
  )
})
