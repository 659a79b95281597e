// Logging in to a registry: its challenges, its token server, and what the user reads when that does not work.
import { createServer, type Server } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Login } from '../../../src/adapters/registry/docker-logins.ts'
import { createRegistry } from '../../../src/adapters/registry/registry.ts'
import type { Registry } from '../../../src/release/ports/project.ts'
import { aLimit } from '../../fakes/host.ts'
import { listen, startTokenServer, type TokenRequest } from '../../fakes/token-server.ts'

const ada: Login = { username: 'ada', password: 'pa:ss', source: 'config.json' }
const basic = `Basic ${Buffer.from('ada:pa:ss').toString('base64')}`
const digest = `sha256:${'a'.repeat(64)}`

let servers: Server[] = []
/** What the registry was asked, with the login that it got. */
let seen: string[] = []
/** The tokens that the registry accepts. */
let valid: Set<string>
let passed = 0
let masked: string[] = []

beforeEach(() => {
  servers = []
  seen = []
  valid = new Set(['Bearer one'])
  passed = 0
  masked = []
})
afterEach(() => {
  for (const server of servers) server.close().closeAllConnections()
})

/** Has every image, and asks for a login with this challenge. */
async function startRegistry(challenge: string): Promise<string> {
  const server = createServer((request, response) => {
    const { method, headers } = request
    seen.push(`${method} ${headers.authorization ?? '-'}`)
    if (!valid.has(headers.authorization ?? ''))
      return response.writeHead(401, { 'www-authenticate': challenge }).end()
    response.writeHead(method === 'PUT' ? 201 : 200, { 'docker-content-digest': digest })
    response.end(method === 'GET' ? '{}' : undefined)
  })
  servers.push(server)
  return `${await listen(server)}/shop/order`
}

interface Scene {
  registry: Registry
  repository: string
  asked: TokenRequest[]
}

async function scene(
  login: Login | null | (() => Login | null),
  grant: Parameters<typeof startTokenServer>[0] = () => ({ body: { token: 'one' } }),
): Promise<Scene> {
  const { realm, asked, server } = await startTokenServer(grant)
  servers.push(server)
  const repository = await startRegistry(`Bearer realm="${realm}",service="the registry"`)
  return { registry: registryWith(login), repository, asked }
}

function registryWith(login: Login | null | (() => Login | null)): Registry {
  const logins = async () => (typeof login === 'function' ? login() : login)
  const mask = (value: string) => void masked.push(value)
  return createRegistry({ limit: aLimit, logins, now: () => passed, mask })
}

async function problem(asking: Promise<unknown>): Promise<unknown> {
  const error = await asking.then(
    () => 'none',
    (error: unknown) => error,
  )
  expect(JSON.stringify(error) + String(error)).not.toContain('pa:ss')
  return error
}

describe('a token', () => {
  it('is got with the password, which the registry does not see', async () => {
    const { registry, repository, asked } = await scene(ada)
    expect(await registry.digest(repository, 'a')).toBe(digest)
    const fields = { service: 'the registry', scope: 'repository:shop/order:pull' }
    expect(asked).toEqual([{ method: 'GET', fields, authorization: basic }])
    expect(seen).toEqual(['HEAD -', 'HEAD Bearer one'])
  })

  it('is got without a login where anybody may read', async () => {
    const { registry, repository, asked } = await scene(null)
    expect(await registry.digest(repository, 'a')).toBe(digest)
    expect(asked.map(({ authorization }) => authorization)).toEqual([undefined])
  })

  it('is got with an identity token', async () => {
    const { registry, repository, asked } = await scene({ ...ada, identityToken: 'long' })
    await registry.digest(repository, 'a')
    expect(asked).toMatchObject([
      {
        method: 'POST',
        fields: { grant_type: 'refresh_token', refresh_token: 'long', client_id: 'shopctl' },
        authorization: undefined,
      },
    ])
  })

  it('may be in the configuration', async () => {
    const { registry, repository, asked } = await scene({ registryToken: 'one', source: 'c' })
    expect(await registry.digest(repository, 'a')).toBe(digest)
    expect(asked).toEqual([])
  })

  it('may be called access_token', async () => {
    const { registry, repository } = await scene(ada, () => ({ body: { access_token: 'one' } }))
    expect(await registry.digest(repository, 'a')).toBe(digest)
  })

  it('for writing is another one, with the right to push', async () => {
    const { registry, repository, asked } = await scene(ada)
    await registry.tag(repository, digest, 'v2')
    expect(asked.map(({ fields }) => fields.scope)).toEqual([
      'repository:shop/order:pull',
      'repository:shop/order:pull,push',
    ])
    expect(seen.at(-1)).toBe('PUT Bearer one')
  })

  it('is used until it expires, less a tenth', async () => {
    const body = { token: 'one', expires_in: 50 }
    const { registry, repository, asked } = await scene(ada, () => ({ body }))
    for (const second of [0, 10, 44, 46]) {
      passed = second * 1000
      await registry.digest(repository, 'a')
    }
    expect(asked).toHaveLength(2)
    expect(seen.filter((each) => each === 'HEAD -')).toHaveLength(2)
  })

  it('is used for 54 s if it has no time of its own', async () => {
    const { registry, repository, asked } = await scene(ada)
    for (const second of [0, 53, 55]) {
      passed = second * 1000
      await registry.digest(repository, 'a')
    }
    expect(asked).toHaveLength(2)
  })

  it('is masked, and so is the next one', async () => {
    const grants = [{ token: 'first' }, { access_token: 'one' }]
    const { registry, repository } = await scene(ada, () => ({ body: grants.shift() }))
    await problem(registry.digest(repository, 'a'))
    await registry.digest(repository, 'a')
    expect(masked).toEqual(['first', 'one'])
  })

  it('that the registry accepts no more is replaced, with the login of now', async () => {
    let login = ada
    const grants = [{ token: 'one' }, { token: 'two' }]
    const { registry, repository, asked } = await scene(
      () => login,
      () => ({ body: grants.shift() }),
    )
    await registry.digest(repository, 'a')
    valid = new Set(['Bearer two'])
    login = { ...ada, password: 'new' }
    expect(await registry.digest(repository, 'a')).toBe(digest)
    expect(asked[1]?.authorization).toBe(`Basic ${Buffer.from('ada:new').toString('base64')}`)
  })

  it('is asked for once by requests at the same time', async () => {
    const { registry, repository, asked } = await scene(ada)
    await Promise.all(['a', 'b', 'c'].map((tag) => registry.digest(repository, tag)))
    expect(asked).toHaveLength(1)
  })

  it('is asked for again when its server says later', async () => {
    const answers = [{ status: 429, headers: { 'retry-after': '0.1' } }, { body: { token: 'one' } }]
    const { registry, repository, asked } = await scene(ada, () => answers.shift() ?? {})
    expect(await registry.digest(repository, 'a')).toBe(digest)
    expect(asked).toHaveLength(2)
  })
})

describe('what does not work', () => {
  it('without a login: says so, and what to run', async () => {
    const { registry, repository } = await scene(null, () => ({ status: 401 }))
    const host = repository.split('/')[0]
    expect(await problem(registry.digest(repository, 'a'))).toMatchObject({
      code: 'registry-login',
      exitCode: 2,
      message: `The registry ${host} asks for a login, and Docker's configuration has none for it.`,
      hint: `Run \`docker login ${host}\`, then run the command again.`,
    })
  })

  it.each([401, 403, 400])('with a login that the token server answers with %i', async (status) => {
    const { registry, repository } = await scene(ada, () => ({ status, body: { pass: 'pa:ss' } }))
    expect(await problem(registry.digest(repository, 'a'))).toMatchObject({
      code: 'registry-login',
      exitCode: 2,
      message: expect.stringContaining('login from config.json: it is wrong, or it has expired'),
      hint: expect.stringContaining('docker login 127.0.0.1'),
    })
  })

  it('with a token server that gives none', async () => {
    const { registry, repository } = await scene(ada, () => ({ body: { other: 'pa:ss' } }))
    expect(await problem(registry.digest(repository, 'a'))).toMatchObject({
      code: 'registry-error',
      exitCode: 2,
      message: expect.stringMatching(/answered 200 without a token/),
    })
  })

  it('with a login that has no right to write', async () => {
    const { realm, server } = await startTokenServer(() => ({ body: { token: 'weak' } }))
    servers.push(server)
    const repository = await startRegistry(`Bearer realm="${realm}",error="insufficient_scope"`)
    expect(await problem(registryWith(ada).digest(repository, 'a'))).toMatchObject({
      code: 'registry-denied',
      exitCode: 2,
      message: expect.stringMatching(/does not let the login from config.json read shop\/order/),
    })
    expect(await problem(registryWith(null).digest(repository, 'a'))).toMatchObject({
      code: 'registry-login',
      message: expect.stringContaining('has none for it'),
    })
  })

  it.each([
    ['no address', 'nowhere'],
    ['plain HTTP', 'http://tokens.example.com/token'],
  ])('where tokens are at %s: no password is sent', async (_, realm) => {
    const repository = await startRegistry(`Bearer realm="${realm}"`)
    expect(await problem(registryWith(ada).digest(repository, 'a'))).toMatchObject({
      code: 'registry-login',
      exitCode: 2,
      message: expect.stringContaining('not safe'),
    })
  })

  it.each(['Negotiate', ''])('where the challenge is %j', async (challenge) => {
    const repository = await startRegistry(challenge)
    expect(await problem(registryWith(ada).digest(repository, 'a'))).toMatchObject({
      code: 'registry-login',
      exitCode: 2,
      message: expect.stringContaining('shopctl knows Basic and Bearer'),
    })
  })

  it('after a write it is a failure: something was changed', async () => {
    const { registry, repository } = await scene(ada)
    await registry.tag(repository, digest, 'v2')
    valid.clear()
    expect(await problem(registry.digest(repository, 'a'))).toMatchObject({
      code: 'registry-login',
      exitCode: 1,
    })
  })
})

describe('Basic', () => {
  it('sends the password to the registry, from then on with each request, of other repositories too', async () => {
    valid = new Set([basic])
    const repository = await startRegistry('Basic realm="shop"')
    const registry = registryWith(ada)
    await registry.digest(repository, 'a')
    await registry.tag(repository.replace('order', 'payment'), digest, 'v2')
    expect(seen).toEqual(['HEAD -', `HEAD ${basic}`, `GET ${basic}`, `PUT ${basic}`])
  })

  it.each([
    ['a wrong password', ada, 'wrong, or it has expired'],
    ['no login', null, 'has none for it'],
  ])('with %s', async (_, login, message) => {
    const repository = await startRegistry('Basic realm="shop"')
    expect(await problem(registryWith(login).digest(repository, 'a'))).toMatchObject({
      code: 'registry-login',
      exitCode: 2,
      message: expect.stringContaining(message),
    })
  })

  it('with a login that is not from docker has a hint of its own', async () => {
    const repository = await startRegistry('Basic realm="shop"')
    const lent = registryWith({ ...ada, advice: 'Use another role.' })
    expect(await problem(lent.digest(repository, 'a'))).toMatchObject({ hint: 'Use another role.' })
  })
})

it('the login is for the registry alone, not for where it stores its blobs', async () => {
  const storage = createServer((request, response) => {
    seen.push(`storage ${request.headers.authorization ?? '-'}`)
    response.setHeader('docker-content-digest', digest).end('{}')
  })
  servers.push(storage)
  const location = `http://${await listen(storage)}/blob`
  const front = createServer((request, response) => {
    const known = request.headers.authorization === basic
    const headers = known ? { location } : { 'www-authenticate': 'Basic realm="shop"' }
    response.writeHead(known ? 307 : 401, headers).end()
  })
  servers.push(front)
  const repository = `${await listen(front)}/shop/order`
  expect(await registryWith(ada).digest(repository, 'a')).toBe(digest)
  expect(seen).toEqual(['storage -'])
})
