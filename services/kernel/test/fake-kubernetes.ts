// An API server of one Service over real HTTPS: GET, watch, tokens, and ways to misbehave.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface FakeKubernetes {
  port: number
  /** Holds `ca.crt` and `token`, as a pod's mount does. */
  serviceAccountDir: string
  /** Creates or changes the Service; `null` selector leaves it without one. */
  select(selector: Record<string, string> | null): void
  /** Deletes the Service. */
  remove(): void
  /** From now on only this token is accepted, and it is the one in the mount. */
  rotateToken(token: string): void
  /** Watches stay open but tell nothing any more. */
  muteWatches(muted: boolean): void
  /** Sends each watch a 410, as after a compaction, and ends it. */
  expireWatches(): void
  /** Every request is answered with 503, and watches are cut, until it is up again. */
  setDown(down: boolean): void
  watchCount(): number
  close(): Promise<void>
}

export async function startFakeKubernetes(service: string): Promise<FakeKubernetes> {
  const dir = mkdtempSync(join(tmpdir(), 'fake-kubernetes-'))
  const file = (name: string) => join(dir, name)
  const subject = ['-subj', '/CN=kubernetes', '-addext', 'subjectAltName=IP:127.0.0.1']
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  const out = ['-nodes', '-days', '1', '-keyout', file('key'), '-out', file('ca.crt')]
  execFileSync('openssl', [...request, ...subject, ...out], { stdio: 'ignore' })

  let token = 'first'
  let version = 1
  let object: object | null = null
  let muted = false
  let down = false
  const watches = new Set<ServerResponse>()
  writeFileSync(file('token'), token)

  function tell(type: string, what: object): void {
    if (muted) return
    for (const watch of watches) watch.write(`${JSON.stringify({ type, object: what })}\n`)
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'https://kubernetes')
    const status = down ? 503 : request.headers.authorization === `Bearer ${token}` ? 200 : 401
    if (status !== 200) return void response.writeHead(status).end('{}')
    if (url.searchParams.get('watch') === 'true') {
      response.writeHead(200).flushHeaders()
      watches.add(response)
      response.on('close', () => watches.delete(response))
      // The client may have been killed.
      response.on('error', () => {})
      if (object && !muted) response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`)
    } else if (object && url.pathname === `/api/v1/namespaces/test/services/${service}`) {
      response.end(JSON.stringify(object))
    } else {
      response.writeHead(404).end('{}')
    }
  }

  const server = createServer({
    key: readFileSync(file('key')),
    cert: readFileSync(file('ca.crt')),
  })
  server.on('request', handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  return {
    port: (server.address() as AddressInfo).port,
    serviceAccountDir: dir,
    select(selector) {
      const type = object ? 'MODIFIED' : 'ADDED'
      const metadata = { name: service, resourceVersion: String(++version) }
      object = { metadata, spec: selector ? { selector } : {} }
      tell(type, object)
    },
    remove() {
      const metadata = { name: service, resourceVersion: String(++version) }
      object = null
      tell('DELETED', { metadata, spec: {} })
    },
    rotateToken(next) {
      token = next
      writeFileSync(file('token'), next)
    },
    muteWatches(next) {
      muted = next
    },
    expireWatches() {
      tell('ERROR', { kind: 'Status', code: 410, reason: 'Expired' })
      for (const watch of watches) watch.end()
    },
    setDown(next) {
      down = next
      if (down) for (const watch of watches) watch.destroy()
    },
    watchCount: () => watches.size,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(dir, { recursive: true })
    },
  }
}
