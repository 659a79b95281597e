// How shopctl gets to AWS: through the proxy that the environment names.
import { createServer } from 'node:http'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { createEksAccess } from '../../src/context/eks.ts'
import { createHttpProxy, createServers, type Servers } from '../fakes/api-server.ts'
import { noMask } from '../fakes/host.ts'

let servers: Servers
beforeAll(() => {
  servers = createServers()
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await servers.stopAll()
})
afterAll(() => servers.remove())

const role = 'arn:aws:iam::111122223333:role/deploy'

it.each([
  ['EKS', null, '', ['CONNECT eks.eu-central-1.amazonaws.com:443']],
  ['STS', role, '', ['CONNECT sts.eu-central-1.amazonaws.com:443']],
  ['neither, where it is excepted', null, '.invalid', []],
  [
    'the FIPS endpoint, where it is chosen',
    null,
    '',
    ['CONNECT fips.eks.eu-central-1.amazonaws.com:443'],
    'true',
  ],
])(
  'asks the proxy for %s',
  async (_, assumed, excepted, expected, fips = undefined) => {
    const asked: string[] = []
    // Behind the proxy is no AWS, but a server without TLS.
    const server = await servers.start(createServer())
    const proxy = await servers.start(createHttpProxy(server, asked))
    for (const name of Object.keys(process.env)) {
      if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
    }
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'a')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'b')
    vi.stubEnv('AWS_USE_FIPS_ENDPOINT', fips)
    vi.stubEnv('XDG_CACHE_HOME', servers.folder)
    vi.stubEnv('HTTPS_PROXY', `http://127.0.0.1:${proxy}`)
    vi.stubEnv('NO_PROXY', excepted)
    if (excepted) vi.stubEnv('AWS_ENDPOINT_URL', 'https://aws.invalid')
    const eks = { name: 'shop', region: 'eu-central-1', role: assumed }
    const limit = { seconds: 2, setting: '' }
    await expect(createEksAccess(eks, { limit, now: Date.now, mask: noMask })).rejects.toThrow(/Could not /)
    expect([...new Set(asked)]).toEqual(expected)
  },
  30_000,
)
