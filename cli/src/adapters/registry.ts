// An image registry, through the OCI distribution API: reads digests and adds tags to images.
import { createHash } from 'node:crypto'
import { type Agent, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { failed, refused, said } from '../errors.ts'
import type { Registry } from '../release/ports/project.ts'
import { type Limit, noAnswer } from './shell.ts'

const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ')

const manifestSchema = z.object({ config: z.object({ digest: z.string() }).optional() })
const imageSchema = z.object({
  config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
})

/** Splits `127.0.0.1:5000/shop/order` into the base URL and the name. Loopback uses plain HTTP, as in docker. */
export function locate(repository: string): { base: string; name: string } {
  const slash = repository.indexOf('/')
  const host = repository.slice(0, slash)
  const scheme = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host) ? 'http' : 'https'
  return { base: `${scheme}://${host}`, name: repository.slice(slash + 1) }
}

export interface RegistryOptions {
  /** For an answer. */
  limit: Limit
  /** Of the connections to this address: through a proxy, or direct. */
  agentOf?: (address: URL) => Promise<Agent>
  request?: typeof fetch
}

const tries = 3
const firstPauseMs = 200

export function createRegistry({
  limit,
  agentOf,
  request = through(agentOf),
}: RegistryOptions): Registry {
  let reached = false
  const attempt = async (base: string, url: string, init: RequestInit): Promise<Response> => {
    try {
      return await request(url, { ...init, signal: AbortSignal.timeout(limit.seconds * 1000) })
    } catch (cause) {
      // Before the first answer, nothing was pushed.
      const make = reached ? failed : refused
      throw make({
        code: 'registry-unreachable',
        message: `The registry at ${base} cannot be reached: ${reason(cause, limit)}.`,
        hint: 'Check that it runs (`shopctl platform status`) and that its address in shopctl.yaml is correct.',
        cause,
      })
    }
  }
  /** A read is sent again where a moment may help. */
  const patiently = async (base: string, url: string, init: RequestInit): Promise<Response> => {
    for (let tried = 1; ; tried += 1) {
      const isLast = tried === tries || init.method === 'PUT'
      const response = await attempt(base, url, init).catch((error) => {
        if (isLast || !isReset(error)) throw error
        return null
      })
      if (response && (isLast || (response.status < 500 && response.status !== 429)))
        return response
      await sleep(firstPauseMs * 2 ** (tried - 1))
    }
  }
  const ask = async (
    repository: string,
    path: string,
    init: { method: string; headers: Record<string, string>; body?: ArrayBuffer },
  ): Promise<Response> => {
    const { base, name } = locate(repository)
    const { method } = init
    const url = `${base}/v2/${name}/${path}`
    const response = await patiently(base, url, init)
    reached = true
    const { status } = response
    if (response.ok || (status === 404 && method === 'HEAD')) return response
    throw failed({
      code: 'registry-error',
      message: `The registry answered ${status} to ${method} ${url}: ${(await response.text()).slice(0, 200)}`,
      ...((status === 401 || status === 403) && {
        hint: 'shopctl cannot log in to a registry yet: use one that allows anonymous reads.',
      }),
    })
  }
  const manifest = (
    repository: string,
    reference: string,
    method: 'GET' | 'HEAD',
  ): Promise<Response> =>
    ask(repository, `manifests/${reference}`, { method, headers: { accept: manifestTypes } })

  return {
    async digest(repository, reference) {
      const response = await manifest(repository, reference, 'HEAD')
      return response.status === 404 ? null : response.headers.get('docker-content-digest')
    },
    async labels(repository, digest) {
      const found = await manifest(repository, digest, 'GET')
      const { config } = manifestSchema.parse(checked(digest, await found.arrayBuffer()))
      // The manifest of several platforms has none.
      if (!config) return {}
      const blob = await ask(repository, `blobs/${config.digest}`, { method: 'GET', headers: {} })
      const image = imageSchema.parse(checked(config.digest, await blob.arrayBuffer()))
      return image.config?.Labels ?? {}
    },
    async tag(repository, digest, tag) {
      const found = await manifest(repository, digest, 'GET')
      await ask(repository, `manifests/${tag}`, {
        method: 'PUT',
        headers: { 'content-type': found.headers.get('content-type') ?? '' },
        body: await found.arrayBuffer(),
      })
    },
  }
}

/** The parsed content. Nobody can change what has this digest. */
function checked(digest: string, content: ArrayBuffer): unknown {
  const actual = `sha256:${createHash('sha256').update(Buffer.from(content)).digest('hex')}`
  if (actual === digest) return JSON.parse(Buffer.from(content).toString('utf8'))
  throw failed({
    code: 'registry-error',
    message: `The registry answered with other content than that of ${digest}.`,
    hint: 'Push the image again: run `shopctl build --no-cache`, then `shopctl push`.',
  })
}

function reason(error: unknown, limit: Limit): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  if (cause instanceof Error && ['TimeoutError', 'AbortError'].includes(cause.name))
    return noAnswer(limit)
  if (cause instanceof AggregateError) return reason(cause.errors[0], limit)
  return said(cause)
}

function isReset({ cause }: Error): boolean {
  const lost = cause instanceof Error ? (cause.cause ?? cause) : cause
  return (
    lost instanceof Error && 'code' in lost && ['ECONNRESET', 'EPIPE'].includes(String(lost.code))
  )
}

/** Many registries redirect to where they store their blobs. */
const mostRedirects = 5

/** Like fetch, which knows no agents. */
function through(agentOf?: RegistryOptions['agentOf']): typeof fetch {
  const send = once(agentOf)
  return async (input, init = {}) => {
    let url = new URL(String(input))
    for (let followed = 0; ; followed += 1) {
      const response = await send(url, init)
      const location = response.headers.get('location')
      const isRedirect = [301, 302, 303, 307, 308].includes(response.status)
      if (!isRedirect || location === null || init.method === 'PUT' || followed === mostRedirects)
        return response
      url = new URL(location, url)
    }
  }
}

function once(agentOf?: RegistryOptions['agentOf']) {
  return async (
    url: URL,
    { method = 'GET', headers, body, signal }: RequestInit,
  ): Promise<Response> => {
    const agent = await agentOf?.(url)
    return new Promise((resolve, reject) => {
      const send = url.protocol === 'http:' ? httpRequest : httpsRequest
      const options = {
        method,
        headers: headers as Record<string, string>,
        ...(agent && { agent }),
        ...(signal && { signal }),
      }
      send(url, options, (response) => {
        const { statusCode: status = 0, headers } = response
        buffer(response).then((content) => {
          const fields = Object.entries(headers).map(
            ([name, value]) => [name, String(value)] as const,
          )
          const bare = method === 'HEAD' || [204, 304].includes(status)
          resolve(
            new Response(bare ? null : content, { status, headers: Object.fromEntries(fields) }),
          )
        }, reject)
      })
        .on('error', reject)
        .end(body instanceof ArrayBuffer ? Buffer.from(body) : undefined)
    })
  }
}
