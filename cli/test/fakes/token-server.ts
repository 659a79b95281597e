// A registry that asks for tokens, and the server that gives them: both on loopback, over plain HTTP.
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export interface TokenRequest {
  method: string
  /** The query of a GET, the form of a POST. */
  fields: Record<string, string>
  authorization: string | undefined
}

interface Answer {
  status?: number
  headers?: Record<string, string>
  /** JSON. */
  body?: unknown
}

export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Gives out what `grant` says, and keeps what it was asked. */
export async function startTokenServer(
  grant: (request: TokenRequest) => Answer | Promise<Answer>,
): Promise<{ realm: string; asked: TokenRequest[]; server: Server }> {
  const asked: TokenRequest[] = []
  const server = createServer(async (incoming, response) => {
    const request = await read(incoming)
    asked.push(request)
    const { status = 200, headers = {}, body = {} } = await grant(request)
    response.writeHead(status, headers).end(JSON.stringify(body))
  })
  return { realm: `http://${await listen(server)}/token`, asked, server }
}

async function read(request: IncomingMessage): Promise<TokenRequest> {
  const { method = '', headers } = request
  const { searchParams } = new URL(request.url ?? '', 'http://x')
  const form = new URLSearchParams(await text(request))
  const fields = Object.fromEntries([...searchParams, ...form])
  return { method, fields, authorization: headers.authorization }
}
