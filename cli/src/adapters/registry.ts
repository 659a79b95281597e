// An image registry, through the OCI distribution API: reads digests and adds tags to images.
import { failed, refused, said } from '../errors.ts'
import type { Registry } from '../release/ports/project.ts'

const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ')

const timeoutMs = 4_000

/** Splits `127.0.0.1:5000/shop/order` into the base URL and the name. Loopback uses plain HTTP, as in docker. */
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
    init: { method: string; headers: Record<string, string>; body?: ArrayBuffer },
  ): Promise<Response> => {
    const { base, name } = locate(repository)
    const { method } = init
    const url = `${base}/v2/${name}/${path}`
    let response: Response
    try {
      response = await request(url, { ...init, signal: AbortSignal.timeout(timeoutMs) })
    } catch (cause) {
      // Before the first answer, nothing was pushed.
      const make = reached ? failed : refused
      throw make({
        code: 'registry-unreachable',
        message: `The registry at ${base} cannot be reached: ${reason(cause)}.`,
        hint: 'Check that it runs (`shopctl platform status`) and that its address in shopctl.yaml is correct.',
        cause,
      })
    }
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
    async digest(repository, tag) {
      const response = await manifest(repository, tag, 'HEAD')
      return response.status === 404 ? null : response.headers.get('docker-content-digest')
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

function reason(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  if (cause instanceof Error && cause.name === 'TimeoutError')
    return `no answer within ${timeoutMs / 1000} s`
  if (cause instanceof AggregateError) return reason(cause.errors[0])
  return said(cause)
}
