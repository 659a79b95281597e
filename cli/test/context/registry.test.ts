// The way to a registry: each secret on it is one of the run.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { createShell } from '../../src/adapters/shell.ts'
import { environmentOf, parseConfig } from '../../src/config/parse.ts'
import { accessRegistry } from '../../src/context/registry.ts'
import { configText } from '../fakes/config.ts'
import { aLimit } from '../fakes/host.ts'
import { listen, startTokenServer } from '../fakes/token-server.ts'

const ending: (() => void)[] = []
afterEach(() => {
  vi.unstubAllEnvs()
  for (const end of ending.splice(0)) end()
})

function closeLater(server: Server): void {
  ending.push(() => server.close().closeAllConnections())
}

it('masks the password of docker and the token of the registry before they are sent', async () => {
  const masked: string[] = []
  /** What was a secret already at each request. */
  const known: string[][] = []
  const tokens = await startTokenServer(() => {
    known.push([...masked])
    return { body: { token: 'for a minute' } }
  })
  closeLater(tokens.server)
  const registry = createServer(({ headers: { authorization } }, response) => {
    known.push([...masked])
    const headers = { 'www-authenticate': `Bearer realm="${tokens.realm}"` }
    response.writeHead(authorization ? 200 : 401, headers).end()
  })
  closeLater(registry)
  const host = await listen(registry)
  const folder = mkdtempSync(join(tmpdir(), 'registry-'))
  ending.push(() => rmSync(folder, { recursive: true }))
  const auth = Buffer.from('ada:pa:ss').toString('base64')
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }))
  vi.stubEnv('DOCKER_CONFIG', folder)
  const cluster = `cluster: { context: far, registry: '${host}' }`
  const config = parseConfig(configText.replace('cluster: embedded', cluster), 'shopctl.yaml')
  const access = accessRegistry(createShell(), environmentOf(config, 'local'), {
    limits: { request: aLimit, tools: aLimit },
    mask: (value) => void masked.push(value),
    signal: new AbortController().signal,
  })
  await access.registry.digest(`${host}/shop/order`, 'v1')
  expect(known).toEqual([[], ['pa:ss'], ['pa:ss', 'for a minute']])
})
