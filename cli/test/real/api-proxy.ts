// Stands before the API server: by plain HTTP, or by TLS for a user with a token, which helm sends over TLS only.
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { request as tlsRequest } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import { parse } from 'yaml'
import { createApiServer, createServers } from '../fakes/api-server.ts'
import { platformEnv, type Tree } from './shop.ts'

export interface ApiProxyOptions {
  /** Name of the context in the kubeconfig. */
  context: string
  /** Of a user. null: the administrator. */
  token: string | null
  /** Sees each request. Returns whether it has answered it. `response` is null for a connection to a pod. */
  each(request: IncomingMessage, response: ServerResponse | null): boolean
}

export interface ApiProxy {
  /** A kubeconfig for it. */
  kubeconfig: string
  close(): Promise<void>
}

export async function startApiProxy({ context, token, each }: ApiProxyOptions): Promise<ApiProxy> {
  const upstream = await readUpstream(token === null)
  const certificates = createServers()
  const isPlain = token === null
  const server = createApiServer(
    certificates.folder,
    isPlain ? null : 'server',
    (incoming, response) => {
      if (each(incoming, response)) return
      const { method, url: path, headers } = incoming
      const outgoing = tlsRequest({ ...upstream, method, path, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      })
      outgoing.on('error', () => response.destroy())
      response.on('close', () => outgoing.destroy())
      incoming.pipe(outgoing)
    },
  )
  server.on('upgrade', (request: IncomingMessage, client: Socket) => {
    each(request, null)
    const { method, url, rawHeaders } = request
    const socket = tlsConnect(upstream)
    const lines = [`${method} ${url} HTTP/1.1`]
    for (let at = 0; at < rawHeaders.length; at += 2)
      lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`)
    socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    for (const [from, to] of [
      [client, socket],
      [socket, client],
    ] as const) {
      from.on('error', () => to.destroy())
      from.pipe(to)
    }
  })
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const cluster = isPlain
    ? { server: `http://127.0.0.1:${port}` }
    : {
        server: `https://127.0.0.1:${port}`,
        'certificate-authority': join(certificates.folder, 'ca.pem'),
      }
  const folder = await mkdtemp(join(tmpdir(), 'api-proxy-'))
  const kubeconfig = join(folder, 'config')
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: context, cluster }],
    contexts: [{ name: context, context: { cluster: context, user: context } }],
    users: [{ name: context, user: isPlain ? {} : { token } }],
  }
  await writeFile(kubeconfig, JSON.stringify(config))
  return {
    kubeconfig,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      certificates.remove()
      await rm(folder, { recursive: true })
    },
  }
}

/** In this tree, environment `test` is then in the cluster of this context. */
export async function reachThrough(tree: Tree, context: string): Promise<void> {
  const cluster = `{ context: ${context}, registry: 127.0.0.1:5000 }`
  await tree.edit('shopctl.yaml', /(\n {2}test:\n {4}cluster: )embedded/, `$1${cluster}`)
}

/** Without the administrator's certificate, the server goes by the token of a request. */
async function readUpstream(asAdministrator: boolean) {
  const { KUBECONFIG = '' } = await platformEnv()
  const { clusters, users } = parse(await readFile(KUBECONFIG, 'utf8'))
  const { hostname, port } = new URL(clusters[0].cluster.server)
  const decoded = (text: string) => Buffer.from(text, 'base64')
  return {
    host: hostname,
    port: Number(port),
    ca: decoded(clusters[0].cluster['certificate-authority-data']),
    ...(asAdministrator && {
      cert: decoded(users[0].user['client-certificate-data']),
      key: decoded(users[0].user['client-key-data']),
    }),
  }
}
