// Sends requests like fetch, which knows no agents: through a proxy, and to where a registry stores its blobs.
import { type Agent, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { buffer } from 'node:stream/consumers'

/** Chooses how an address is reached: through a proxy, or directly. */
export type AgentOf = (address: URL) => Promise<Agent>

export interface Sent {
  method: string
  headers: Readonly<Record<string, string>>
  body?: ArrayBuffer | string
  signal: AbortSignal
}

/** Throws without a whole answer. */
export type Send = (url: string, request: Sent) => Promise<Response>

const mostRedirects = 5

export function createSend(agentOf?: AgentOf): Send {
  const agents = new Map<string, Promise<Agent>>()
  /** One for each server, so that its connections serve again. */
  const agentTo = async (url: URL): Promise<Agent | undefined> => {
    if (!agentOf) return undefined
    const agent = agents.get(url.origin) ?? agentOf(url)
    agents.set(url.origin, agent)
    return agent
  }
  return async (address, request) => {
    let url = new URL(address)
    let { headers } = request
    for (let followed = 0; ; followed += 1) {
      const response = await sendOnce(url, { ...request, headers }, await agentTo(url))
      const location = response.headers.get('location')
      const isRedirect = [301, 302, 303, 307, 308].includes(response.status)
      const isRead = request.method === 'GET' || request.method === 'HEAD'
      if (!isRedirect || location === null || !isRead || followed === mostRedirects) return response
      const next = new URL(location, url)
      // The login is for the registry alone.
      if (next.origin !== url.origin) headers = withoutLogin(headers)
      url = next
    }
  }
}

function withoutLogin(headers: Sent['headers']): Sent['headers'] {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'),
  )
}

function sendOnce(
  url: URL,
  { method, headers, body, signal }: Sent,
  agent: Agent | undefined,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'http:' ? httpRequest : httpsRequest
    const options = { method, headers, signal, ...(agent && { agent }) }
    send(url, options, (response) => {
      const { statusCode: status = 0, headers } = response
      buffer(response).then((content) => {
        const fields = Object.entries(headers).map(([name, value]) => [name, String(value)])
        const bare = method === 'HEAD' || [204, 304].includes(status)
        const init = { status, headers: Object.fromEntries(fields) }
        resolve(new Response(bare ? null : content, init))
      }, reject)
    })
      .on('error', reject)
      .end(body instanceof ArrayBuffer ? Buffer.from(body) : body)
  })
}
