// How a store of logs is reached at an address.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { connect } from '../../src/adapters/kubernetes/api.ts'
import { createLogStore } from '../../src/context/log-store.ts'
import type { LogQuery } from '../../src/release/ports/logs.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

type Answer = (request: IncomingMessage, response: ServerResponse) => void

const query: LogQuery = {
  ...{ services: ['order'], color: null, since: null, text: null, word: null, limit: 3 },
}

/** Reads from a store that answers so. */
async function read(
  answer: Answer,
  {
    path = '',
    token = 'verysecret' as string | null,
    signal = AbortSignal.timeout(9_000),
    seconds = 1.5,
  } = {},
) {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`
  const api = connect({ context: null, cluster: { server: 'http://127.0.0.1:1' }, user: {} })
  const config = { url, kind: 'victorialogs', token: 'TOKEN', namespace: 'shop' } as const
  const limit = { seconds, setting: '`timeouts.pod`' }
  const store = createLogStore(config, api, {
    limit,
    token: token ?? undefined,
    now: () => new Date(),
  })
  return store.read(query, signal)
}

it('gets the token and may have a path', async () => {
  const seen: (string | undefined)[] = []
  const answer: Answer = ({ url, headers }, response) => {
    seen.push(url?.split('?')[0], headers.authorization)
    response.end()
  }
  expect(await read(answer, { path: '/logs/' })).toEqual({ lines: [], more: false, notes: [] })
  expect(seen).toEqual(['/logs/select/logsql/query', 'Bearer verysecret'])
})

it('is not asked without its token', async () => {
  let asked = 0
  const answer: Answer = (_, response) => {
    asked += 1
    response.end()
  }
  await expect(read(answer, { token: null })).rejects.toMatchObject({
    ...{ code: 'log-store', message: 'the variable TOKEN is not set' },
  })
  expect(asked).toBe(0)
})

it.each<[string, Answer, object]>([
  [
    'is silent',
    () => {},
    { code: 'log-store', message: 'no answer within 1.5 s, the limit of `timeouts.pod`' },
  ],
  ['breaks off', ({ socket }) => void socket.destroy(), { message: 'socket hang up' }],
  [
    'wants another token',
    (_, response) => void response.writeHead(401).end('who?'),
    { message: 'it answered 401: who?' },
  ],
])('throws where it %s', async (_, answer, expected) => {
  await expect(read(answer)).rejects.toMatchObject(expected)
})

it('throws where it has too much to say', async () => {
  const much: Answer = (_, response) => void response.end(Buffer.alloc(17 * 1024 * 1024))
  await expect(read(much, { seconds: 9 })).rejects.toMatchObject({
    ...{ code: 'answer-too-long', message: 'the answer is longer than 16 MiB' },
  })
})

it('ends at Ctrl-C', async () => {
  const reading = read(() => {}, { signal: AbortSignal.timeout(50) })
  await expect(reading).rejects.toMatchObject({ exitCode: 130 })
})
