// Limits for slow and greedy clients, and the answers to what Node's HTTP parser refuses.
import type { Server, ServerOptions } from 'node:http'
import type { Socket } from 'node:net'
import { type Problem, problemBody, problemType } from './problem.ts'

/** A request that is not complete in time is answered with 408. */
export const serverOptions = {
  headersTimeout: 5_000,
  requestTimeout: 8_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 16 * 1024,
  // Node's own answer to a missing host has no headers of ours.
  requireHostHeader: false,
} satisfies ServerOptions

/** More connections than these are closed at once. */
export const maxConnections = 1_000
/** For this time a client may still send what the server does not read any more. A reset would discard the answer. */
const lingerMs = 1_000

/** Answers CONNECT, and passes on requests with an unknown `Expect`, which Node would answer itself. */
export function answerAll(
  server: Server,
  answer: (problem: Problem, socket: Socket) => void,
): void {
  server.maxConnections = maxConnections
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  server.on('connect', (_request, socket) =>
    answer({ status: 405, detail: 'CONNECT is not allowed here' }, socket as Socket),
  )
}

export function problemOf(error: NodeJS.ErrnoException): Problem {
  switch (error.code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, detail: 'the request was not complete in time' }
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, detail: 'the headers are too large' }
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { status: 413, detail: 'the extensions of the chunks are too large' }
    default:
      return { status: 400, detail: 'this is not a valid HTTP request' }
  }
}

/** Answers on a connection that has no request, and closes it. Returns false when nothing can be sent. */
export function answerOn(
  socket: Socket,
  problem: Problem,
  headers: Record<string, string> = {},
): boolean {
  if (!socket.writable) return false
  const body = JSON.stringify(problemBody(problem))
  const all = {
    ...headers,
    date: new Date().toUTCString(),
    'content-type': problemType,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  const { status, title } = problemBody(problem)
  socket.end([`HTTP/1.1 ${status} ${title}`, ...lines, '', body].join('\r\n'))
  setTimeout(() => socket.destroy(), lingerMs).unref()
  return true
}
