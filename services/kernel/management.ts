// Port 9090: what the cluster, Prometheus and shopctl ask a pod; never reachable from outside.
import { createServer, type Server } from 'node:http'

/** A path's answer: a status and either JSON data or ready text. */
export type Answer = { status: number; body: unknown } | { status: number; text: string }

export type ManagementRoutes = Record<string, () => Answer | Promise<Answer>>

/** Serves each route for GET; a route that throws answers 503 with the reason. */
export function createManagement(routes: ManagementRoutes): Server {
  return createServer(async (request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/'
    const answer = await answerOf(Object.hasOwn(routes, path) ? routes[path] : undefined)
    const [type, payload] =
      'text' in answer
        ? ['text/plain; version=0.0.4; charset=utf-8', answer.text]
        : ['application/json; charset=utf-8', JSON.stringify(answer.body)]
    response.writeHead(answer.status, { 'content-type': type }).end(payload)
  })
}

async function answerOf(route: ManagementRoutes[string] | undefined): Promise<Answer> {
  if (!route) return { status: 404, body: { error: 'not found' } }
  try {
    return await route()
  } catch (error) {
    return { status: 503, body: { error: error instanceof Error ? error.message : String(error) } }
  }
}
