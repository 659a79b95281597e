// An image registry by the OCI distribution API: asks for digests, gives an image another tag.
import { failed, refused } from '../errors.ts'
import type { Registry } from '../release/ports/project.ts'

const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ')

const timeoutMs = 4_000

/** `127.0.0.1:5000/shop/order` → its host, and the name of the repository there. Loopback is plain HTTP, as for docker. */
export function locate(repository: string): { base: string; name: string } {
  const slash = repository.indexOf('/')
  const host = repository.slice(0, slash)
  const scheme = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host) ? 'http' : 'https'
  return { base: `${scheme}://${host}`, name: repository.slice(slash + 1) }
}

export function createRegistry(request: typeof fetch = fetch): Registry {
  let reached = false
  const ask = async (
    repository: string,
    path: string,
    init: { method?: string; headers?: Record<string, string>; body?: ArrayBuffer } = {},
  ): Promise<Response> => {
    const { base, name } = locate(repository)
    const url = `${base}/v2/${name}/${path}`
    let response: Response
    try {
      response = await request(url, { ...init, signal: AbortSignal.timeout(timeoutMs) })
    } catch (cause) {
      // Before the first answer nothing can have been pushed.
      const make = reached ? failed : refused
      throw make({
        code: 'registry-unreachable',
        message: `The registry at ${base} cannot be reached: ${reason(cause)}.`,
        hint: 'See that it runs (`shopctl platform status`) and that its address in shopctl.yaml is right.',
        cause,
      })
    }
    reached = true
    if (response.ok || response.status === 404) return response
    const { status } = response
    throw failed({
      code: 'registry-error',
      message: `The registry answered ${status} to ${init.method ?? 'GET'} ${url}: ${(await response.text()).slice(0, 200)}`,
      ...((status === 401 || status === 403) && {
        hint: 'Log in to the registry with `docker login`.',
      }),
    })
  }
  const manifest = (repository: string, reference: string, method = 'GET'): Promise<Response> =>
    ask(repository, `manifests/${reference}`, { method, headers: { accept: manifestTypes } })

  return {
    async digest(repository, tag) {
      const response = await manifest(repository, tag, 'HEAD')
      return response.status === 404 ? null : response.headers.get('docker-content-digest')
    },
    async tag(repository, digest, tag) {
      const found = await manifest(repository, digest)
      await ask(repository, `manifests/${tag}`, {
        method: 'PUT',
        headers: { 'content-type': found.headers.get('content-type') ?? '' },
        body: await found.arrayBuffer(),
      })
    },
  }
}

function reason(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  if (cause instanceof Error && cause.name === 'TimeoutError')
    return `no answer within ${timeoutMs / 1000} s`
  if (cause instanceof AggregateError) return reason(cause.errors[0])
  return cause instanceof Error ? cause.message : String(cause)
}
