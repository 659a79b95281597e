// An HTTP service that knows nothing of shopctl, and drains when its pod ends.
import { createServer } from 'node:http'

const version = 'version 1'
let draining = false

const server = createServer((request, response) => {
  // A client with an open connection makes a new one, and the Service leads it to the pods that serve.
  if (draining) response.setHeader('connection', 'close')
  response.setHeader('content-type', 'application/json')
  response.end(`${JSON.stringify(request.url === '/healthz' ? { ok: true } : { version })}\n`)
})
server.keepAliveTimeout = 60_000
server.listen(8080)

// The pod ends. Clients that ask within two seconds move on by themselves; connections that stay idle are closed.
process.on('SIGTERM', () => {
  draining = true
  setTimeout(() => server.close(), 2_000)
})
