// Spoils reads of shopctl: errors, broken connections, broken answers.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type ApiProxy, startApiProxy } from './api-proxy.ts'

const faults = {
  '500': (response: ServerResponse) => response.writeHead(500).end('{"message":"injected"}'),
  '503': (response: ServerResponse) => response.writeHead(503).end('not ready'),
  '429': (response: ServerResponse) => response.writeHead(429, { 'retry-after': '1' }).end(),
  reset: (response: ServerResponse) => (response.socket as Socket).resetAndDestroy(),
  'broken answer': (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
    response.write('{"kind":', () => response.socket?.destroy())
  },
}
type Fault = keyof typeof faults

const often = 11

export interface FaultyApi extends ApiProxy {
  /** How often each fault was injected. */
  injected: Record<string, number>
}

/** Every eleventh read of shopctl fails; helm's reads do not. */
export async function startFaultyApi(context: string): Promise<FaultyApi> {
  const names = Object.keys(faults) as Fault[]
  const forwarded: Fault[] = ['429', 'reset']
  const injected = Object.fromEntries(names.map((name) => [name, 0]))
  let reads = 0

  function nextFault({ method, url = '', headers }: IncomingMessage): Fault | null {
    const isHelm = headers['user-agent']?.startsWith('Helm') === true
    if (method !== 'GET' || url.includes('watch=') || isHelm) return null
    reads += 1
    if (reads % often !== 0) return null
    // An error in the place of a pod's answer is for the smoke test.
    const possible = url.includes('/proxy/') ? forwarded : names
    return possible[(reads / often) % possible.length] ?? null
  }

  const proxy = await startApiProxy({
    context,
    token: null,
    each(incoming, response) {
      const fault = response && nextFault(incoming)
      if (!fault) return false
      injected[fault] = (injected[fault] ?? 0) + 1
      faults[fault](response)
      return true
    },
  })
  return { ...proxy, injected }
}
