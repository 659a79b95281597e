// Basic: the password itself goes to the registry, and nowhere else.
import { createServer } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listen } from '../../fakes/token-server.ts'
import { ada, basic, createLoginWorld, digest, type LoginWorld, problem } from './login-world.ts'

let world: LoginWorld
beforeEach(() => {
  world = createLoginWorld()
})
afterEach(() => world.stop())

describe('Basic', () => {
  it('sends the password to the registry, from then on with each request, of other repositories too', async () => {
    world.valid = new Set([basic])
    const repository = await world.startRegistry('Basic realm="shop"')
    const registry = world.registryWith(ada)
    await registry.digest(repository, 'a')
    await registry.tag(repository.replace('order', 'payment'), digest, 'v2')
    expect(world.seen).toEqual(['HEAD -', `HEAD ${basic}`, `GET ${basic}`, `PUT ${basic}`])
  })

  it.each([
    ['a wrong password', ada, 'wrong, or it has expired'],
    ['no login', null, 'has none for it'],
  ])('with %s', async (_, login, message) => {
    const repository = await world.startRegistry('Basic realm="shop"')
    expect(await problem(world.registryWith(login).digest(repository, 'a'))).toMatchObject({
      code: 'registry-login',
      exitCode: 2,
      message: expect.stringContaining(message),
    })
  })

  it('with a login that is not from docker has a hint of its own', async () => {
    const repository = await world.startRegistry('Basic realm="shop"')
    const lent = world.registryWith({ ...ada, advice: 'Use another role.' })
    expect(await problem(lent.digest(repository, 'a'))).toMatchObject({ hint: 'Use another role.' })
  })
})

it('the login is for the registry alone, not for where it stores its blobs', async () => {
  const storage = createServer((request, response) => {
    world.seen.push(`storage ${request.headers.authorization ?? '-'}`)
    response.setHeader('docker-content-digest', digest).end('{}')
  })
  world.servers.push(storage)
  const location = `http://${await listen(storage)}/blob`
  const front = createServer((request, response) => {
    const known = request.headers.authorization === basic
    const headers = known ? { location } : { 'www-authenticate': 'Basic realm="shop"' }
    response.writeHead(known ? 307 : 401, headers).end()
  })
  world.servers.push(front)
  const repository = `${await listen(front)}/shop/order`
  expect(await world.registryWith(ada).digest(repository, 'a')).toBe(digest)
  expect(world.seen).toEqual(['storage -'])
})
