// The registry program of the platform, as a server of a test: with its own storage, login and certificate.
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createShell } from '../../src/adapters/shell.ts'
import { enginesItem } from '../../src/platform/debian.ts'
import { layoutOf } from '../../src/platform/layout.ts'
import { storedAt } from '../../src/platform/store.ts'
import { listen } from '../fakes/token-server.ts'
import { until } from '../real/shop.ts'

const shell = createShell()

export interface RegistryServer {
  /** `127.0.0.1:PORT` */
  address: string
  stop(): Promise<void>
}

async function freePort(): Promise<string> {
  const server = createServer()
  const address = await listen(server)
  await new Promise((resolve) => server.close(resolve))
  return address
}

/** The folder of the platform's Debian programs. */
export function enginePrograms(): string {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'shopctl')
  return join(storedAt(layoutOf(cache), enginesItem(shell)), 'usr/bin')
}

/** `folder` has the images. `settings` are those of docker-registry's configuration: `auth`, `http.tls`. */
export async function startRegistry(
  folder: string,
  { auth, tls }: { auth?: object; tls?: object } = {},
): Promise<RegistryServer> {
  const address = await freePort()
  const program = join(enginePrograms(), 'docker-registry')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `config-${address}.yaml`)
  const config = {
    version: '0.1',
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, 'images') } },
    http: { addr: address, secret: 'of all', ...(tls && { tls }) },
    ...(auth && { auth }),
  }
  writeFileSync(file, JSON.stringify(config))
  const stop = new AbortController()
  const { signal } = stop
  const serving = shell.run({ program, args: ['serve', file], signal }).catch(() => {})
  await until('it answers', async () => {
    const scheme = tls ? 'https' : 'http'
    const answer = await fetch(`${scheme}://${address}/v2/`).catch((error) => error.cause)
    // Over TLS, fetch does not know the authority.
    return answer instanceof Response || !['ECONNREFUSED', 'ECONNRESET'].includes(answer?.code)
  })
  return {
    address,
    async stop() {
      stop.abort()
      await serving
    },
  }
}

function digestOf(content: string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

/** Pushes an image without layers, whose inputs label is its tag. */
export async function pushImage(address: string, name: string, tag: string): Promise<void> {
  const base = `http://${address}/v2/${name}`
  const config = JSON.stringify({ config: { Labels: { 'dev.shopctl.inputs': tag } } })
  const upload = await fetch(`${base}/blobs/uploads/`, { method: 'POST' })
  const location = new URL(upload.headers.get('location') ?? '', base)
  location.searchParams.set('digest', digestOf(config))
  const headers = { 'content-type': 'application/octet-stream' }
  await fetch(location, { method: 'PUT', body: config, headers })
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = {
    ...{ schemaVersion: 2, mediaType, layers: [] },
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: digestOf(config),
      size: config.length,
    },
  }
  const pushed = await fetch(`${base}/manifests/${tag}`, {
    method: 'PUT',
    headers: { 'content-type': mediaType },
    body: JSON.stringify(manifest),
  })
  if (!pushed.ok) throw new Error(`${pushed.status} ${await pushed.text()}`)
}
