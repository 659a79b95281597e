// Stands before the API server, by plain HTTP, and spoils reads of shopctl: errors, broken connections, broken answers.
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { request as tlsRequest } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import { parse } from 'yaml'
import { platformEnv } from './shop.ts'

const faults = {
  '500': (response: ServerResponse) => response.writeHead(500).end('{"message":"injected"}'),
  '503': (response: ServerResponse) => response.writeHead(503).end('not ready'),
  '429': (response: ServerResponse) => response.writeHead(429, { 'retry-after': '1' }).end(),
  reset: (response: ServerResponse) => (response.socket as Socket).resetAndDestroy(),
  'broken answer': (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
    response.write('{"kind":', () => response.socket?.destroy())
  },
}
type Fault = keyof typeof faults

const often = 11

export interface FaultyApi {
  /** A kubeconfig for it. */
  kubeconfig: string
  /** How often each fault was injected. */
  injected: Record<string, number>
  close(): Promise<void>
}

/** Every eleventh read of shopctl fails; helm's reads do not. */
export async function startFaultyApi(context: string): Promise<FaultyApi> {
  const { KUBECONFIG = '' } = await platformEnv()
  const { clusters, users } = parse(await readFile(KUBECONFIG, 'utf8'))
  const { hostname, port } = new URL(clusters[0].cluster.server)
  const decoded = (text: string) => Buffer.from(text, 'base64')
  const upstream = {
    host: hostname,
    port: Number(port),
    ca: decoded(clusters[0].cluster['certificate-authority-data']),
    cert: decoded(users[0].user['client-certificate-data']),
    key: decoded(users[0].user['client-key-data']),
  }
  const names = Object.keys(faults) as Fault[]
  const forwarded: Fault[] = ['429', 'reset']
  const injected = Object.fromEntries(names.map((name) => [name, 0]))
  let reads = 0

  function nextFault({ method, url = '', headers }: IncomingMessage): Fault | null {
    const isHelm = headers['user-agent']?.startsWith('Helm') === true
    if (method !== 'GET' || url.includes('watch=') || isHelm) return null
    reads += 1
    if (reads % often !== 0) return null
    // An error in the place of a pod's answer is for the smoke test.
    const possible = url.includes('/proxy/') ? forwarded : names
    return possible[(reads / often) % possible.length] ?? null
  }

  const server = createServer((incoming, response) => {
    const fault = nextFault(incoming)
    if (fault) {
      injected[fault] = (injected[fault] ?? 0) + 1
      faults[fault](response)
      return
    }
    const { method, url: path, headers } = incoming
    const outgoing = tlsRequest({ ...upstream, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    outgoing.on('error', () => response.destroy())
    response.on('close', () => outgoing.destroy())
    incoming.pipe(outgoing)
  })
  server.on('upgrade', ({ method, url, rawHeaders }: IncomingMessage, client: Socket) => {
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
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const folder = await mkdtemp(join(tmpdir(), 'faulty-'))
  const kubeconfig = join(folder, 'config')
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: context, cluster: { server: url } }],
    contexts: [{ name: context, context: { cluster: context, user: context } }],
    users: [{ name: context, user: {} }],
  }
  await writeFile(kubeconfig, JSON.stringify(config))
  return {
    kubeconfig,
    injected,
    async close() {
      server.closeAllConnections()
      server.close()
      await rm(folder, { recursive: true })
    },
  }
}
