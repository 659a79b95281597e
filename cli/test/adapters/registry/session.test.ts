// Logging in to a registry: its challenges, its token server, and what the user reads when that does not work.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startTokenServer } from '../../fakes/token-server.ts'
import { ada, basic, createLoginWorld, digest, type LoginWorld, problem } from './login-world.ts'

let world: LoginWorld
beforeEach(() => {
  world = createLoginWorld()
})
afterEach(() => world.stop())

describe('a token', () => {
  it('is got with the password, which the registry does not see', async () => {
    const { registry, repository, asked } = await world.scene(ada)
    expect(await registry.digest(repository, 'a')).toBe(digest)
    const fields = { service: 'the registry', scope: 'repository:shop/order:pull' }
    expect(asked).toEqual([{ method: 'GET', fields, authorization: basic }])
    expect(world.seen).toEqual(['HEAD -', 'HEAD Bearer one'])
  })

  it('is got without a login where anybody may read', async () => {
    const { registry, repository, asked } = await world.scene(null)
    expect(await registry.digest(repository, 'a')).toBe(digest)
    expect(asked.map(({ authorization }) => authorization)).toEqual([undefined])
  })

  it('is got with an identity token', async () => {
    const { registry, repository, asked } = await world.scene({ ...ada, identityToken: 'long' })
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
    const { registry, repository, asked } = await world.scene({ registryToken: 'one', source: 'c' })
    expect(await registry.digest(repository, 'a')).toBe(digest)
    expect(asked).toEqual([])
  })

  it('may be called access_token', async () => {
    const { registry, repository } = await world.scene(ada, () => ({
      body: { access_token: 'one' },
    }))
    expect(await registry.digest(repository, 'a')).toBe(digest)
  })

  it('for writing is another one, with the right to push', async () => {
    const { registry, repository, asked } = await world.scene(ada)
    await registry.tag(repository, digest, 'v2')
    expect(asked.map(({ fields }) => fields.scope)).toEqual([
      'repository:shop/order:pull',
      'repository:shop/order:pull,push',
    ])
    expect(world.seen.at(-1)).toBe('PUT Bearer one')
  })

  it('is used until it expires, less a tenth', async () => {
    const body = { token: 'one', expires_in: 50 }
    const { registry, repository, asked } = await world.scene(ada, () => ({ body }))
    for (const second of [0, 10, 44, 46]) {
      world.passed = second * 1000
      await registry.digest(repository, 'a')
    }
    expect(asked).toHaveLength(2)
    expect(world.seen.filter((each) => each === 'HEAD -')).toHaveLength(2)
  })

  it('is used for 54 s if it has no time of its own', async () => {
    const { registry, repository, asked } = await world.scene(ada)
    for (const second of [0, 53, 55]) {
      world.passed = second * 1000
      await registry.digest(repository, 'a')
    }
    expect(asked).toHaveLength(2)
  })

  it('is masked, and so is the next one', async () => {
    const grants = [{ token: 'first' }, { access_token: 'one' }]
    const { registry, repository } = await world.scene(ada, () => ({ body: grants.shift() }))
    await problem(registry.digest(repository, 'a'))
    await registry.digest(repository, 'a')
    expect(world.masked).toEqual(['first', 'one'])
  })

  it('that the registry accepts no more is replaced, with the login of now', async () => {
    let login = ada
    const grants = [{ token: 'one' }, { token: 'two' }]
    const { registry, repository, asked } = await world.scene(
      () => login,
      () => ({ body: grants.shift() }),
    )
    await registry.digest(repository, 'a')
    world.valid = new Set(['Bearer two'])
    login = { ...ada, password: 'new' }
    expect(await registry.digest(repository, 'a')).toBe(digest)
    expect(asked[1]?.authorization).toBe(`Basic ${Buffer.from('ada:new').toString('base64')}`)
  })

  it('is asked for once by requests at the same time', async () => {
    const { registry, repository, asked } = await world.scene(ada)
    await Promise.all(['a', 'b', 'c'].map((tag) => registry.digest(repository, tag)))
    expect(asked).toHaveLength(1)
  })

  it('is asked for again when its server says later', async () => {
    const answers = [{ status: 429, headers: { 'retry-after': '0.1' } }, { body: { token: 'one' } }]
    const { registry, repository, asked } = await world.scene(ada, () => answers.shift() ?? {})
    expect(await registry.digest(repository, 'a')).toBe(digest)
    expect(asked).toHaveLength(2)
  })
})

describe('what does not work', () => {
  it('without a login: says so, and what to run', async () => {
    const { registry, repository } = await world.scene(null, () => ({ status: 401 }))
    const host = repository.split('/')[0]
    expect(await problem(registry.digest(repository, 'a'))).toMatchObject({
      code: 'registry-login',
      exitCode: 2,
      message: `The registry ${host} asks for a login, and Docker's configuration has none for it.`,
      hint: `Run \`docker login ${host}\`, then run the command again.`,
    })
  })

  it.each([401, 403, 400])('with a login that the token server answers with %i', async (status) => {
    const { registry, repository } = await world.scene(ada, () => ({
      status,
      body: { pass: 'pa:ss' },
    }))
    expect(await problem(registry.digest(repository, 'a'))).toMatchObject({
      code: 'registry-login',
      exitCode: 2,
      message: expect.stringContaining('login from config.json: it is wrong, or it has expired'),
      hint: expect.stringContaining('docker login 127.0.0.1'),
    })
  })

  it('with a token server that gives none', async () => {
    const { registry, repository } = await world.scene(ada, () => ({ body: { other: 'pa:ss' } }))
    expect(await problem(registry.digest(repository, 'a'))).toMatchObject({
      code: 'registry-error',
      exitCode: 2,
      message: expect.stringMatching(/answered 200 without a token/),
    })
  })

  it('with a login that has no right to write', async () => {
    const { realm, server } = await startTokenServer(() => ({ body: { token: 'weak' } }))
    world.servers.push(server)
    const repository = await world.startRegistry(
      `Bearer realm="${realm}",error="insufficient_scope"`,
    )
    expect(await problem(world.registryWith(ada).digest(repository, 'a'))).toMatchObject({
      code: 'registry-denied',
      exitCode: 2,
      message: expect.stringMatching(/does not let the login from config.json read shop\/order/),
    })
    expect(await problem(world.registryWith(null).digest(repository, 'a'))).toMatchObject({
      code: 'registry-login',
      message: expect.stringContaining('has none for it'),
    })
  })

  it.each([
    ['no address', 'nowhere'],
    ['plain HTTP', 'http://tokens.example.com/token'],
  ])('where tokens are at %s: no password is sent', async (_, realm) => {
    const repository = await world.startRegistry(`Bearer realm="${realm}"`)
    expect(await problem(world.registryWith(ada).digest(repository, 'a'))).toMatchObject({
      code: 'registry-login',
      exitCode: 2,
      message: expect.stringContaining('not safe'),
    })
  })

  it.each(['Negotiate', ''])('where the challenge is %j', async (challenge) => {
    const repository = await world.startRegistry(challenge)
    expect(await problem(world.registryWith(ada).digest(repository, 'a'))).toMatchObject({
      code: 'registry-login',
      exitCode: 2,
      message: expect.stringContaining('shopctl knows Basic and Bearer'),
    })
  })

  it('after a write it is a failure: something was changed', async () => {
    const { registry, repository } = await world.scene(ada)
    await registry.tag(repository, digest, 'v2')
    world.valid.clear()
    expect(await problem(registry.digest(repository, 'a'))).toMatchObject({
      code: 'registry-login',
      exitCode: 1,
    })
  })
})
