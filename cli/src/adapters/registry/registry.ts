// An image registry, through the OCI distribution API: reads digests and adds tags to images.
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { afterChange, failed } from '../../errors.ts'
import type { Registry } from '../../release/ports/project.ts'
import type { Mask } from '../../release/ports/session.ts'
import { locate } from './address.ts'
import type { Logins } from './docker-logins.ts'
import { nextPage } from './pages.ts'
import { createPatientSend, type PatientOptions } from './patient.ts'
import { challengeOf, problemOf } from './problems.ts'
import { type Read, readReferrers } from './referrers.ts'
import { createSession, type Need } from './session.ts'

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

export interface RegistryOptions extends PatientOptions {
  /** The user's logins. Default: none. */
  logins?: Logins
  /** Gets each token of the registry. Default: nobody. */
  mask?: Mask
}

interface Request {
  method: 'GET' | 'HEAD' | 'PUT'
  headers: Record<string, string>
  body?: ArrayBuffer
  /** Answers that say that there is nothing. All other errors are thrown. */
  absence?: readonly number[]
}

/** What registries answer that do not know a part of the API. */
const unknownPath = [400, 404, 405, 501]

export function createRegistry({
  logins = async () => null,
  mask = () => {},
  ...options
}: RegistryOptions): Registry {
  const send = createPatientSend(options)
  const session = createSession({ logins, send, now: options.now ?? Date.now, mask })
  /** Or may have. */
  let wrote = false
  const ask = async (
    repository: string,
    path: string,
    { absence = [], ...init }: Request,
  ): Promise<Response> => {
    const need: Need = { ...locate(repository), write: init.method === 'PUT' }
    const url = `${need.base}/v2/${need.name}/${path}`
    const sendAs = async (header: string | null): Promise<Response> => {
      const headers = { ...init.headers, ...(header && { authorization: header }) }
      const { response, mayBeDone } = await send(need.base, url, { ...init, headers })
      // Whatever the last answer says, and whatever goes wrong after it.
      if (mayBeDone) wrote = true
      return response
    }
    let granted = await session.current(need)
    let response = await sendAs(granted?.header ?? null)
    if (response.status === 401) {
      granted = await session.logIn(need, challengeOf(response), granted)
      if (granted.header) response = await sendAs(granted.header)
    }
    if (!response.ok && !absence.includes(response.status))
      throw await problemOf(response, { need, granted, asked: `${init.method} ${url}` })
    if (need.write) wrote = true
    return response
  }
  /** A refusal says that nothing was changed. */
  const asked: typeof ask = (...all) =>
    ask(...all).catch((error) => {
      throw wrote ? afterChange(error) : error
    })
  const manifest = (
    repository: string,
    reference: string,
    method: 'GET' | 'HEAD',
  ): Promise<Response> =>
    asked(repository, `manifests/${reference}`, {
      method,
      headers: { accept: manifestTypes },
      absence: method === 'HEAD' ? [404] : [],
    })

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
      const blob = await asked(repository, `blobs/${config.digest}`, { method: 'GET', headers: {} })
      const image = imageSchema.parse(checked(config.digest, await blob.arrayBuffer()))
      return image.config?.Labels ?? {}
    },
    async referrers(repository, digest, artifactType) {
      const { base, name } = locate(repository)
      const root = `${base}/v2/${name}/`
      const read: Read = async (path, accept) => {
        const absence = path.startsWith('referrers/') ? unknownPath : [404]
        const init = { method: 'GET' as const, headers: { accept }, absence }
        const response = await asked(repository, path, init)
        if (!response.ok) return null
        const next = nextPage(response.headers.get('link'), `${root}${path}`, root)
        return { content: Buffer.from(await response.arrayBuffer()), next }
      }
      return readReferrers(read, { digest, check: requireDigest }, artifactType)
    },
    async tag(repository, digest, tag) {
      const found = await manifest(repository, digest, 'GET')
      await asked(repository, `manifests/${tag}`, {
        method: 'PUT',
        headers: { 'content-type': found.headers.get('content-type') ?? '' },
        body: await found.arrayBuffer(),
      })
    },
    // A push makes the repository, and its images stay until somebody deletes them.
    prepare: async () => false,
    keep: async () => false,
  }
}

function checked(digest: string, content: ArrayBuffer): unknown {
  return JSON.parse(requireDigest(digest, Buffer.from(content)).toString('utf8'))
}

/** Nobody can change what has this digest. */
function requireDigest(digest: string, content: Buffer): Buffer {
  const actual = `sha256:${createHash('sha256').update(content).digest('hex')}`
  if (actual === digest) return content
  throw failed({
    code: 'registry-error',
    message: `The registry answered with other content than that of ${digest}.`,
    hint: 'Push the image again: run `shopctl build --no-cache`, then `shopctl push`.',
  })
}
