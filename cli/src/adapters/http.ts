// One request, like fetch, which knows no agents: an agent leads through a proxy, or directly.
import { type Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { buffer } from 'node:stream/consumers'

/** Chooses how an address is reached: through a proxy, or directly. */
export type AgentOf = (address: URL) => Promise<Agent>

export interface Sent {
  method: string
  headers: Readonly<Record<string, string | number>>
  body?: ArrayBuffer | string
  signal: AbortSignal
  /** Default: an answer of any length. */
  read?: (response: IncomingMessage) => Promise<Buffer>
}

/** Follows no redirect. Throws without a whole answer. */
export function sendOnce(
  url: URL,
  { method, headers, body, signal, read = buffer }: Sent,
  agent: Agent | undefined,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'http:' ? httpRequest : httpsRequest
    const options = { method, headers, signal, ...(agent && { agent }) }
    send(url, options, (response) => {
      const { statusCode: status = 0, headers } = response
      const answer = (content: Buffer): Response => {
        const fields = Object.entries(headers).map(([name, value]) => [name, String(value)])
        const bare = method === 'HEAD' || [204, 304].includes(status)
        return new Response(bare ? null : content, { status, headers: Object.fromEntries(fields) })
      }
      read(response).then(answer).then(resolve, reject)
    })
      .on('error', reject)
      .end(body instanceof ArrayBuffer ? Buffer.from(body) : body)
  })
}
