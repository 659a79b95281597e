// A collector of spans on loopback, which speaks OTLP over HTTP.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export interface ReceivedSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  /** 2: failed. */
  status: { code: number }
  attributes: Record<string, string | number>
  /** Of the process that sent it. */
  resource: Record<string, string | number>
}

interface Attribute {
  key: string
  value: { stringValue?: string; intValue?: number }
}

type Raw = Omit<ReceivedSpan, 'attributes' | 'resource'> & { attributes: Attribute[] }

export type FakeCollector = Awaited<ReturnType<typeof startCollector>>

/** `status` null: it never answers. */
export async function startCollector(status: number | null = 200) {
  const bodies: string[] = []
  const server = createServer(async (request, response) => {
    const body = await text(request)
    if (status === null) return
    if (status === 200 && request.url === '/v1/traces') bodies.push(body)
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** All that was sent, as it was sent. */
    sent: () => bodies.join('\n'),
    spans: () => bodies.flatMap((body) => spansOf(body)),
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function spansOf(body: string): ReceivedSpan[] {
  const { resourceSpans } = JSON.parse(body) as {
    resourceSpans: {
      resource: { attributes: Attribute[] }
      scopeSpans: { spans: Raw[] }[]
    }[]
  }
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans
      .flatMap(({ spans }) => spans)
      .map((span) => ({
        ...span,
        attributes: readAttributes(span.attributes),
        resource: readAttributes(resource.attributes),
      })),
  )
}

function readAttributes(attributes: Attribute[]): Record<string, string | number> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]),
  )
}
