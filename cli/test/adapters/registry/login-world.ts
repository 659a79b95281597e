// A registry that asks for a login, and what it was asked.
import { createServer, type Server } from 'node:http'
import { expect } from 'vitest'
import type { Login } from '../../../src/adapters/registry/docker-logins.ts'
import { createRegistry } from '../../../src/adapters/registry/registry.ts'
import type { Registry } from '../../../src/release/ports/project.ts'
import { aLimit } from '../../fakes/host.ts'
import { listen, startTokenServer, type TokenRequest } from '../../fakes/token-server.ts'

export const ada: Login = { username: 'ada', password: 'pa:ss', source: 'config.json' }
export const basic = `Basic ${Buffer.from('ada:pa:ss').toString('base64')}`
export const digest = `sha256:${'a'.repeat(64)}`

type AnyLogin = Login | null | (() => Login | null)

interface Scene {
  registry: Registry
  repository: string
  asked: TokenRequest[]
}

export interface LoginWorld {
  /** They are stopped with the world. */
  servers: Server[]
  /** What the registry was asked, with the login that it got. */
  seen: string[]
  /** The headers that the registry accepts. */
  valid: Set<string>
  /** Milliseconds. */
  passed: number
  masked: string[]
  /** Has every image, and asks for a login with this challenge. Returns a repository. */
  startRegistry(challenge: string): Promise<string>
  registryWith(login: AnyLogin): Registry
  /** With a server for tokens. */
  scene(login: AnyLogin, grant?: Parameters<typeof startTokenServer>[0]): Promise<Scene>
  stop(): void
}

export function createLoginWorld(): LoginWorld {
  const world: LoginWorld = {
    servers: [],
    seen: [],
    valid: new Set(['Bearer one']),
    passed: 0,
    masked: [],
    async startRegistry(challenge) {
      const server = createServer((request, response) => {
        const { method, headers } = request
        world.seen.push(`${method} ${headers.authorization ?? '-'}`)
        if (!world.valid.has(headers.authorization ?? ''))
          return response.writeHead(401, { 'www-authenticate': challenge }).end()
        response.writeHead(method === 'PUT' ? 201 : 200, { 'docker-content-digest': digest })
        response.end(method === 'GET' ? '{}' : undefined)
      })
      world.servers.push(server)
      return `${await listen(server)}/shop/order`
    },
    registryWith(login) {
      const logins = async () => (typeof login === 'function' ? login() : login)
      const mask = (value: string) => void world.masked.push(value)
      return createRegistry({ limit: aLimit, logins, now: () => world.passed, mask })
    },
    async scene(login, grant = () => ({ body: { token: 'one' } })) {
      const { realm, asked, server } = await startTokenServer(grant)
      world.servers.push(server)
      const challenge = `Bearer realm="${realm}",service="the registry"`
      const repository = await world.startRegistry(challenge)
      return { registry: world.registryWith(login), repository, asked }
    },
    stop() {
      for (const server of world.servers) server.close().closeAllConnections()
    },
  }
  return world
}

/** The error, which never has the password. */
export async function problem(asking: Promise<unknown>): Promise<unknown> {
  const error = await asking.then(
    () => 'none',
    (error: unknown) => error,
  )
  expect(JSON.stringify(error) + String(error)).not.toContain('pa:ss')
  return error
}
