// A fake API server with some Services over HTTPS: GET, watch, tokens, and faults.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface FakeKubernetes {
  port: number
  /** The folder with `ca.crt` and `token`, like a pod's mount. */
  serviceAccountDir: string
  /** Creates or changes a Service, by default the first one. With `null`, it has no selector. */
  select(selector: Record<string, string> | null, service?: string): void
  /** Deletes the first Service. */
  remove(): void
  /** Puts this token into the mount. From now on, no other token is accepted. */
  rotateToken(token: string): void
  /** From now on the API server knows this user by this token. */
  addUser(name: string, token: string): void
  /** How many tokens were reviewed. */
  reviewCount(): number
  /** Watches stay open, but send no events. */
  muteWatches(muted: boolean): void
  /** Requests for watches are never answered. */
  stallWatches(stalled: boolean): void
  /** Like a restore of etcd: watches end, and versions continue from this one. */
  restore(version: number): void
  /** Ends each watch with 410, as after a compaction. */
  expireWatches(): void
  /** While down, watches end and every request is answered with 503. */
  setDown(down: boolean): void
  watchCount(): number
  /** How many GETs were answered. */
  getCount(): number
  close(): Promise<void>
}

export async function startFakeKubernetes(
  first: string,
  ...others: string[]
): Promise<FakeKubernetes> {
  const dir = mkdtempSync(join(tmpdir(), 'fake-kubernetes-'))
  const file = (name: string) => join(dir, name)
  const subject = ['-subj', '/CN=kubernetes', '-addext', 'subjectAltName=IP:127.0.0.1']
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  const out = ['-nodes', '-days', '1', '-keyout', file('key'), '-out', file('ca.crt')]
  execFileSync('openssl', [...request, ...subject, ...out], { stdio: 'ignore' })

  let token = 'first'
  let version = 1
  let muted = false
  let stalled = false
  let down = false
  let gets = 0
  let reviews = 0
  const users = new Map<string, string>()
  const objects = new Map<string, object>()
  const watches = new Map<ServerResponse, string>()
  const paths = new Map(
    [first, ...others].map((name) => [`/api/v1/namespaces/test/services/${name}`, name]),
  )
  writeFileSync(file('token'), token)

  function notify(service: string, type: string, object: object): void {
    if (muted) return
    for (const [watch, watched] of watches) {
      if (watched === service) watch.write(`${JSON.stringify({ type, object })}\n`)
    }
  }

  function startWatch(service: string, response: ServerResponse): void {
    if (stalled) return
    response.writeHead(200).flushHeaders()
    watches.set(response, service)
    response.on('close', () => watches.delete(response))
    // The client may have been killed.
    response.on('error', () => {})
    const object = objects.get(service)
    if (object && !muted) response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`)
  }

  function get(object: object | undefined, response: ServerResponse): void {
    gets += 1
    response.writeHead(object ? 200 : 404).end(JSON.stringify(object ?? {}))
  }

  function review(token: string, response: ServerResponse): void {
    reviews += 1
    const username = users.get(token)
    if (!username) return void response.writeHead(401).end('{}')
    response.writeHead(201).end(JSON.stringify({ status: { userInfo: { username } } }))
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    if (!down && request.url === '/apis/authentication.k8s.io/v1/selfsubjectreviews')
      return void review(request.headers.authorization?.slice('Bearer '.length) ?? '', response)
    const url = new URL(request.url ?? '/', 'https://kubernetes')
    const status = down ? 503 : request.headers.authorization === `Bearer ${token}` ? 200 : 401
    if (status !== 200) return void response.writeHead(status).end('{}')
    const selected = url.searchParams.get('fieldSelector')?.replace('metadata.name=', '')
    if (url.searchParams.get('watch') === 'true') startWatch(selected ?? first, response)
    else get(objects.get(paths.get(url.pathname) ?? ''), response)
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
    select(selector, service = first) {
      const type = objects.has(service) ? 'MODIFIED' : 'ADDED'
      const metadata = { name: service, resourceVersion: String(++version) }
      const object = { metadata, spec: selector ? { selector } : {} }
      objects.set(service, object)
      notify(service, type, object)
    },
    remove() {
      const metadata = { name: first, resourceVersion: String(++version) }
      objects.delete(first)
      notify(first, 'DELETED', { metadata, spec: {} })
    },
    rotateToken(next) {
      token = next
      writeFileSync(file('token'), next)
    },
    addUser: (name, token) => void users.set(token, name),
    reviewCount: () => reviews,
    muteWatches(next) {
      muted = next
    },
    stallWatches(next) {
      stalled = next
    },
    restore(next) {
      version = next
      for (const watch of watches.keys()) watch.destroy()
    },
    expireWatches() {
      for (const watch of watches.keys()) {
        const object = { kind: 'Status', code: 410, reason: 'Expired' }
        watch.end(`${JSON.stringify({ type: 'ERROR', object })}\n`)
      }
    },
    setDown(next) {
      down = next
      if (down) for (const watch of watches.keys()) watch.destroy()
    },
    watchCount: () => watches.size,
    getCount: () => gets,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
