// Logging in to the real registry program: passwords over TLS, and tokens of a token server. It needs no cluster.
import { randomUUID, sign, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AgentOptions } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { agentFor } from '../../src/adapters/kubernetes/proxy.ts'
import { createDockerLogins } from '../../src/adapters/registry/docker-logins.ts'
import { createRegistry } from '../../src/adapters/registry/registry.ts'
import { createShell } from '../../src/adapters/shell.ts'
import type { Registry } from '../../src/release/ports/project.ts'
import { createServers, lookupLoopback, type Servers } from '../fakes/api-server.ts'
import { aLimit, noMask } from '../fakes/host.ts'
import { registryContract } from '../fakes/registry-contract.ts'
import { startTokenServer, type TokenRequest } from '../fakes/token-server.ts'
import { pushImage, type RegistryServer, startRegistry } from './registry-server.ts'

const name = 'team/shop/order'
const password = 'pa:ss word'
/** Its bcrypt hash. */
const hash = '$2y$05$abcdefghijklmnopqrstuuDvFYunEEkRAUw6hKd4mLN/wdxTQz.ki'
const shell = createShell()

let folder = ''
/** Their certificates: of an authority, for `cluster.test`. */
let servers: Servers
const running: RegistryServer[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'registry-login-'))
  servers = createServers()
  const open = await startRegistry(folder)
  await pushImage(open.address, name, 'there')
  await open.stop()
})
afterAll(async () => {
  await Promise.all(running.map((server) => server.stop()))
  servers.remove()
  rmSync(folder, { recursive: true })
})

/** A user whose Docker configuration has this password for the registry. null: none. */
function user(address: string, secret: string | null): Registry {
  const home = mkdtempSync(join(folder, 'home-'))
  const auth = Buffer.from(`ada:${secret}`).toString('base64')
  const auths = secret === null ? {} : { [address]: { auth } }
  writeFileSync(join(home, 'config.json'), JSON.stringify({ auths }))
  const ca = readFileSync(join(servers.folder, 'ca.pem'))
  const tls = { ca, lookup: lookupLoopback } as AgentOptions
  return createRegistry({
    limit: aLimit,
    agentOf: (url) => agentFor(url, null, url.protocol === 'https:' ? tls : {}),
    logins: createDockerLogins(shell, {
      ...{ env: { DOCKER_CONFIG: home }, limit: aLimit, mask: noMask },
    }),
  })
}

async function refusal(asking: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  const problem = await asking.catch((error: unknown) => error)
  expect(problem).toMatchObject({ code, exitCode: 2, message: expect.stringMatching(message) })
  expect(JSON.stringify(problem) + String(problem)).not.toContain(password)
}

describe('a password, over TLS', () => {
  let address = ''
  beforeAll(async () => {
    const users = join(folder, 'htpasswd')
    writeFileSync(users, `ada:${hash}\n`)
    const certificate = join(servers.folder, 'server.pem')
    const tls = { certificate, key: join(servers.folder, 'server.key') }
    const auth = { htpasswd: { realm: 'shop', path: users } }
    const server = await startRegistry(folder, { auth, tls })
    running.push(server)
    address = server.address.replace('127.0.0.1', 'cluster.test')
  })

  registryContract(async () => ({
    registry: user(address, password),
    repository: `${address}/${name}`,
  }))

  it('that is wrong is refused', () =>
    refusal(
      user(address, 'guess').digest(`${address}/${name}`, 'there'),
      'registry-login',
      /does not accept the login from .*config\.json: it is wrong, or it has expired/,
    ))

  it('that is missing is refused', () =>
    refusal(
      user(address, null).digest(`${address}/${name}`, 'there'),
      'registry-login',
      /asks for a login, and Docker's configuration has none/,
    ))
})

describe('a token', () => {
  let address = ''
  let asked: TokenRequest[] = []
  /** What the token server lets this user do. */
  let actions = ['pull', 'push']
  let lifeMs = 60_000
  let close = (): void => {}

  beforeAll(async () => {
    const tokens = await startTokenServer(({ authorization, fields }) => {
      const known = `Basic ${Buffer.from(`ada:${password}`).toString('base64')}`
      if (authorization !== known) return { status: 401 }
      const [type, name, wanted = ''] = fields.scope?.split(':') ?? []
      const allowed = wanted.split(',').filter((action) => actions.includes(action))
      const token = tokenFor([{ type, name, actions: allowed }], lifeMs)
      return { body: { token, expires_in: 300 } }
    })
    asked = tokens.asked
    close = () => void tokens.server.close()
    const rootcertbundle = join(servers.folder, 'ca.pem')
    const token = { realm: tokens.realm, service: 'shop', issuer: 'us', rootcertbundle }
    const server = await startRegistry(folder, { auth: { token } })
    running.push(server)
    address = server.address
  })
  afterAll(() => close())

  registryContract(async () => ({
    registry: user(address, password),
    repository: `${address}/${name}`,
  }))

  it('is got once for several reads', async () => {
    const registry = user(address, password)
    asked.length = 0
    for (const tag of ['there', 'not-there']) await registry.digest(`${address}/${name}`, tag)
    expect(asked).toHaveLength(1)
  })

  it('that ends in the middle is replaced', async () => {
    // The registry program takes it for 60 s after its end: for one to two seconds more, as tokens count whole seconds.
    lifeMs = -58_000
    const registry = user(address, password)
    expect(await registry.digest(`${address}/${name}`, 'there')).toMatch(/^sha256:/)
    asked.length = 0
    await sleep(2_200)
    lifeMs = 60_000
    expect(await registry.digest(`${address}/${name}`, 'there')).toMatch(/^sha256:/)
    expect(asked).toHaveLength(1)
  })

  it('that has ended before it comes is refused', async () => {
    lifeMs = -3_600_000
    await refusal(
      user(address, password).digest(`${address}/${name}`, 'there'),
      'registry-login',
      /it is wrong, or it has expired/,
    )
    lifeMs = 60_000
  })

  it('without the right to push is refused', async () => {
    const registry = user(address, password)
    const digest = (await registry.digest(`${address}/${name}`, 'there')) ?? ''
    actions = ['pull']
    const tagging = registry.tag(`${address}/${name}`, digest, 'no')
    await refusal(tagging, 'registry-denied', /write to team\/shop\/order/)
    actions = ['pull', 'push']
  })

  it('is not given for a wrong password', () =>
    refusal(
      user(address, 'guess').digest(`${address}/${name}`, 'there'),
      'registry-login',
      /does not accept the login from .*config\.json/,
    ))
})

/** A token that the registry program believes: signed with a certificate of the authority. */
function tokenFor(access: object[], lifeMs: number): string {
  const certificate = new X509Certificate(readFileSync(join(servers.folder, 'server.pem')))
  const now = Math.floor(Date.now() / 1000)
  const header = { typ: 'JWT', alg: 'ES256', x5c: [certificate.raw.toString('base64')] }
  const claims = {
    ...{ iss: 'us', aud: 'shop', sub: 'ada', jti: randomUUID(), access },
    ...{ iat: now, nbf: now - 7_200, exp: now + lifeMs / 1000 },
  }
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
  const text = `${encode(header)}.${encode(claims)}`
  const key = readFileSync(join(servers.folder, 'server.key'))
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
  return `${text}.${signature.toString('base64url')}`
}
