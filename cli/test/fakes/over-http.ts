// An API server over HTTP, for all tests of a file.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { connect, type KubernetesApi } from '../../src/adapters/kubernetes/api.ts'
import { createApiServer, createServers, type Servers, writeKubeconfig } from './api-server.ts'

/** It gives this answer. `use` gets the connection of each test to it. */
export function overHttp(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  use: (api: KubernetesApi) => void,
): void {
  let servers: Servers
  beforeAll(() => {
    servers = createServers()
  })
  afterAll(() => servers.remove())
  beforeEach(async () => {
    const port = await servers.start(createApiServer(servers.folder, null, answer))
    const file = writeKubeconfig(servers.folder, { server: `http://127.0.0.1:${port}` })
    use(connect({ file, context: null }))
  })
  afterEach(() => servers.stopAll())
}
