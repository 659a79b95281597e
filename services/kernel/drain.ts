// Closes the public HTTP server without breaking the requests of its clients.
import { Server } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import type { HttpServer } from './http.ts'

/** During this time new connections may arrive, because kube-proxy does not yet know that this pod is terminating. */
const endpointsConvergeMs = 2_000
/** During this time keep-alive clients may send another request. Its answer closes their connection. */
const connectionsLeaveMs = 3_000
const lastRequestMs = 1_000
/** As long as a statement of the database may take. */
const lastAnswerMs = 6_000

/** Answers with `Connection: close` until all clients have disconnected, or the time for that is over. */
export async function drainHttp(http: HttpServer): Promise<void> {
  await setTimeout(endpointsConvergeMs)
  const isEmpty = async () => (await openConnections(http)) === 0
  await within(connectionsLeaveMs, isEmpty)
  // Stop listening. http.close() would also reset connections with a request in transit.
  Server.prototype.close.call(http.server)
  await within(lastRequestMs, isEmpty)
  await within(lastAnswerMs, async () => http.inWork() === 0)
  // Connections without a complete request would keep the server open.
  http.server.closeAllConnections()
  await http.close()
}

async function within(timeoutMs: number, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (performance.now() < deadline && !(await condition())) await setTimeout(20)
}

export function openConnections(http: HttpServer): Promise<number> {
  return new Promise((resolve, reject) => {
    http.server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}
