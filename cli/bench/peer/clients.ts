// Busy clients that keep their connections open, as browsers and other services do.
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'undici'

/** What one client has seen. Times are those of `performance.now()`. */
export interface Seen {
  requests: number
  /** Requests without an answer, or with a status of at least 400. None is sent again. */
  failed: number
  /** Connections that the server closed without asking for it in an answer (`connection: close`) before. */
  broken: number
  /** Version → when its last answer came. */
  lastAt: Map<string, number>
}

export interface Clients {
  seen: readonly Seen[]
  /** Waits for the requests in flight. */
  stop(): Promise<void>
}

const pauseMs = 10
/** They stop by themselves then, if nobody stops them. */
const mostMs = 180_000
const answerMs = 5_000

/** `count` clients, spread evenly over the URLs. Each keeps one connection, and sends a request as soon as it may. */
export function startClients(urls: readonly string[], count: number): Clients {
  const stopping = new AbortController()
  const until = performance.now() + mostMs
  const isOpen = (): boolean => !stopping.signal.aborted && performance.now() < until
  const started = Array.from({ length: count }, (_, n) =>
    startClient(urls[n % urls.length] ?? '', isOpen),
  )
  return {
    seen: started.map(({ seen }) => seen),
    async stop() {
      stopping.abort()
      await Promise.all(started.map(({ ended }) => ended))
    },
  }
}

function startClient(url: string, isOpen: () => boolean): { seen: Seen; ended: Promise<void> } {
  const limits = { connectTimeout: answerMs, headersTimeout: answerMs, bodyTimeout: answerMs }
  const client = new Client(url, limits)
  const seen: Seen = { requests: 0, failed: 0, broken: 0, lastAt: new Map() }
  client.on('disconnect', (_origin, _targets, { code }: Error & { code?: string }) => {
    // The client's own end of a connection, after an answer that asks for it.
    const wasAsked = code === 'UND_ERR_INFO'
    if (isOpen() && !wasAsked) seen.broken += 1
  })
  const run = async (): Promise<void> => {
    while (isOpen()) {
      await request(client, seen)
      await sleep(pauseMs)
    }
    await client.close()
  }
  return { seen, ended: run() }
}

async function request(client: Client, seen: Seen): Promise<void> {
  seen.requests += 1
  try {
    const { statusCode, body } = await client.request({ method: 'GET', path: '/' })
    const text = await body.text()
    if (statusCode >= 400) seen.failed += 1
    else seen.lastAt.set((JSON.parse(text) as { version: string }).version, performance.now())
  } catch {
    seen.failed += 1
  }
}

/** Whether every client has been answered by this version, and for some time by no other. */
export function allAt(
  seen: readonly Seen[],
  version: string,
  { now, forMs }: { now: number; forMs: number },
): boolean {
  return seen.every(
    ({ lastAt }) =>
      lastAt.has(version) &&
      [...lastAt].every(([other, at]) => other === version || at < now - forMs),
  )
}
