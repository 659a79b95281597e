// Sends the requests to a registry: follows to where it stores its blobs, with one agent for each server.
import type { Agent } from 'node:http'
import { type AgentOf, type Sent, sendOnce } from '../http.ts'

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
