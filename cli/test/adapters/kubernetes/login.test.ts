// Tokens that are made anew, as EKS needs them, over a real TLS server.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { Login } from '../../../src/adapters/kubernetes/kubeconfig.ts'
import { createTransport, type OpenOptions } from '../../../src/adapters/kubernetes/transport.ts'
import { refused } from '../../../src/errors.ts'
import { createServers, type ServeOptions, type Servers } from '../../fakes/api-server.ts'

const path = '/api/v1/nodes'
let servers: Servers
let ca: string
let clock = 0
beforeAll(() => {
  servers = createServers()
  ca = readFileSync(join(servers.folder, 'ca.pem'), 'base64')
})
afterEach(() => servers.stopAll())
afterAll(() => servers.remove())

/** The tokens are 1, 2, …, each valid for 14 minutes of `clock`. */
async function serve(options: ServeOptions, more: Partial<Login> = {}) {
  clock = 0
  const made: string[] = []
  const masked: string[] = []
  const { port, requests } = await servers.serve('server', options)
  const login: Login = {
    token: async () => {
      made.push('a token')
      return { token: String(made.length), endsAt: clock + 14 * 60_000 }
    },
    refusal: async () => refused({ code: 'no-credentials', message: 'No access entry.' }),
    absence: async () => null,
    ...more,
  }
  const cluster = { server: `https://127.0.0.1:${port}`, 'certificate-authority-data': ca }
  const transport = createTransport(
    { context: null, cluster, user: {}, login },
    { now: () => clock, mask: (value) => void (value && masked.push(value)) },
  )
  return {
    get: async (more: Partial<OpenOptions> = {}) =>
      (await transport.ask({ method: 'GET', path, ...more })).status,
    masked,
    tokens: () => requests.map(({ headers }) => headers.authorization?.replace('Bearer ', '')),
  }
}

it('are kept until a minute before their end', async () => {
  const { get, tokens, masked } = await serve({})
  for (const minute of [0, 12.9, 13.1, 20]) {
    clock = minute * 60_000
    await get()
  }
  expect(tokens()).toEqual(['1', '1', '2', '2'])
  expect(masked).toEqual(['1', '2'])
})

it('are made anew once after a 401', async () => {
  const { get, tokens } = await serve({ statuses: [401] })
  expect(await get()).toBe(200)
  expect(tokens()).toEqual(['1', '2'])
})

it('that are refused twice are explained', async () => {
  const { get, tokens } = await serve({ statuses: [401, 401] })
  await expect(get()).rejects.toMatchObject({ code: 'no-credentials', message: 'No access entry.' })
  expect(tokens()).toEqual(['1', '2'])
})

it('whose renewal fails are used to their end', async () => {
  let works = true
  const { get, tokens } = await serve(
    {},
    {
      token: async () => {
        if (works) return { token: '1', endsAt: clock + 14 * 60_000 }
        throw refused({ code: 'aws-throttled', message: 'Throttled.' })
      },
    },
  )
  await get()
  works = false
  clock = 13.5 * 60_000
  await get()
  expect(tokens()).toEqual(['1', '1'])
  clock = 14 * 60_000
  await expect(get()).rejects.toMatchObject({ code: 'aws-throttled' })
})

it.each([
  ['says what AWS knows of the cluster', 'The cluster is being deleted.', 'cluster-ending'],
  ['says that it is unreachable when AWS knows nothing', null, 'cluster-unreachable'],
])('a server that is away %s', async (_, message, code) => {
  const absence = async () => (message ? refused({ code: 'cluster-ending', message }) : null)
  const { get } = await serve({}, { absence })
  await servers.stopAll()
  const error = await get().catch((thrown) => thrown)
  expect(error).toMatchObject({ kind: 'refused', code })
  if (message) expect(error.message).toBe(message)
  else expect(error.hint).toMatch(/networks that its public endpoint admits/)
})

it.each<[string, Partial<OpenOptions>]>([
  ['a pod that does not answer', { retry: 'forwarded', timeoutMs: 100 }],
  ['a server that answered before', { timeoutMs: 100 }],
])('%s is no question for AWS', async (_, options) => {
  let asked = 0
  const absence = async () => {
    asked += 1
    return refused({ code: 'cluster-unreachable', message: 'The endpoint is private.' })
  }
  const { get } = await serve({ statuses: [200, 'hang'] }, { absence })
  await get()
  await expect(get(options)).rejects.toMatchObject({
    code: 'cluster-unreachable',
    message: expect.stringContaining('no answer within 0.1 s'),
  })
  expect(asked).toBe(0)
})
