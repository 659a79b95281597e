// An API server over real TLS with its own CA, and proxies that always connect to it.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import {
  type AddressInfo,
  connect,
  createServer,
  type LookupFunction,
  type Server,
  type Socket,
} from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'

/** In a new folder: ca.pem; server.pem for 127.0.0.1, ::1, cluster.test and ECR; named.pem for other.test only; client.pem. */
function createCertificates(): { folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'certificates-'))
  const make = (name: string, ...more: string[]): void => {
    const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)]
    const words = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'.split(' ')
    const args = [...words, '-subj', `/CN=${name}`, '-keyout', key, '-out', cert, ...more]
    execFileSync('openssl', args, { stdio: 'ignore' })
  }
  const ca = ['-CA', join(folder, 'ca.pem'), '-CAkey', join(folder, 'ca.key')]
  make('ca')
  make(
    'server',
    ...ca,
    '-addext',
    'subjectAltName=IP:127.0.0.1,IP:::1,DNS:cluster.test,DNS:*.dkr.ecr.eu-central-1.amazonaws.com',
  )
  make('named', ...ca, '-addext', 'subjectAltName=DNS:other.test')
  make('client', ...ca)
  return { folder, remove: () => rmSync(folder, { recursive: true }) }
}

/** Every name is this machine. */
export const lookupLoopback: LookupFunction = (_, { all }, done) => {
  const found = { address: '127.0.0.1', family: 4 }
  return all ? done(null, [found]) : done(null, found.address, found.family)
}

/** A status, or an answer that does not come, breaks off or stops in the middle. */
export type Behaviour = number | 'reset' | 'hang' | 'half' | 'stall'

export interface ServeOptions {
  /** Of the first answers. All others are 200. */
  statuses?: Behaviour[]
  /** Sent with 429. */
  retryAfter?: string
  host?: string
}

/** A running server and its requests. */
export interface Serving {
  port: number
  requests: IncomingMessage[]
}

export interface Servers {
  folder: string
  /** An API server that answers every request with the name in the client's certificate. */
  serve(certificate?: string | null, options?: ServeOptions): Promise<Serving>
  /** Listens, and returns the port. */
  start(server: Server, host?: string): Promise<number>
  stopAll(): Promise<void>
  remove(): void
}

export function createServers(): Servers {
  const { folder, remove } = createCertificates()
  const running = new Set<{ server: Server; sockets: Set<Socket> }>()
  const start: Servers['start'] = async (server, host = '127.0.0.1') => {
    const sockets = new Set<Socket>()
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(0, host, resolve)
    })
    running.add({ server, sockets })
    return (server.address() as AddressInfo).port
  }
  return {
    folder,
    remove,
    start,
    async serve(certificate = 'server', { statuses = [], retryAfter = '0.3', host } = {}) {
      const requests: IncomingMessage[] = []
      const server = createApiServer(folder, certificate, (request, response) => {
        const status = statuses[requests.length] ?? 200
        requests.push(request)
        if (status === 'reset') return void request.socket.destroy()
        if (status === 'hang') return
        if (status === 'half' || status === 'stall') {
          response.writeHead(200, { 'content-length': '100' }).write('{"items":')
          if (status === 'half') setTimeout(() => request.socket.destroy(), 20)
          return
        }
        if (status === 429) response.setHeader('retry-after', retryAfter)
        response.writeHead(status).end(JSON.stringify({ client: certificate && clientOf(request) }))
      })
      return { port: await start(server, host), requests }
    },
    async stopAll() {
      for (const { server, sockets } of running) {
        for (const socket of sockets) socket.destroy()
        await new Promise((resolve) => server.close(resolve))
      }
      running.clear()
    },
  }
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** `name` is the name of the certificate. null: plain HTTP. */
export function createApiServer(folder: string, name: string | null, answer: Answer): Server {
  if (name === null) return createHttpServer(answer)
  const read = (file: string): Buffer => readFileSync(join(folder, file))
  const tls = { key: read(`${name}.key`), cert: read(`${name}.pem`), ca: read('ca.pem') }
  return createHttpsServer({ ...tls, requestCert: true, rejectUnauthorized: false }, answer)
}

/** The name in the client's certificate. null: no certificate of the CA. */
export function clientOf(request: IncomingMessage): string | null {
  const socket = request.socket as TLSSocket
  return socket.authorized ? String(socket.getPeerCertificate().subject.CN) : null
}

/** Records requests, and connects to `port` of this machine. */
export function createHttpProxy(port: number, asked: string[]): Server {
  const server = createHttpServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.end('{}')
  })
  return server.on('connect', (request: IncomingMessage, client: Socket) => {
    asked.push(`CONNECT ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim())
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      client.pipe(upstream).pipe(client)
    })
    upstream.on('error', () => client.destroy())
  })
}

/** SOCKS 5 without a password, for host names. */
export function createSocksProxy(port: number, asked: string[]): Server {
  return createServer((client) => {
    client.once('data', () => {
      client.write(Buffer.of(5, 0))
      client.once('data', (request: Buffer) => {
        const end = 5 + (request[4] ?? 0)
        asked.push(`${request.subarray(5, end)}:${request.readUInt16BE(end)}`)
        const upstream = connect(port, '127.0.0.1', () => {
          client.write(Buffer.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0))
          client.pipe(upstream).pipe(client)
        })
        upstream.on('error', () => client.destroy())
      })
    })
  })
}

/** Writes a kubeconfig with one context into the folder, and returns its path. */
export function writeKubeconfig(folder: string, cluster: object, user: object = {}): string {
  const file = join(folder, 'config')
  const config = {
    'current-context': 'a',
    clusters: [{ name: 'a', cluster }],
    users: [{ name: 'a', user }],
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
  }
  writeFileSync(file, JSON.stringify(config))
  return file
}
