// An HTTP service that does not know shopctl. It drains when its pod terminates.
import { createServer } from 'node:http'

const version = 'version 1'
let draining = false

const server = createServer((request, response) => {
  // The client must open a new connection, which the Service leads to a pod that is not terminating.
  if (draining) response.setHeader('connection', 'close')
  response.setHeader('content-type', 'application/json')
  response.end(`${JSON.stringify(request.url === '/healthz' ? { ok: true } : { version })}\n`)
})
server.keepAliveTimeout = 60_000
server.listen(8080)

// The pod terminates. For two seconds, answers close their connections. Then the server closes idle connections.
process.on('SIGTERM', () => {
  draining = true
  setTimeout(() => server.close(), 2_000)
})
