// The roots to trust: from a file, or those of Sigstore's public instance, which are fetched by TUF and kept.
import * as http from 'node:http'
import type { TrustedRoot } from '@sigstore/protobuf-specs'
import { refused, said } from '../../errors.ts'
import type { TrustedRoots } from '../../release/ports/images.ts'
import type { Limit } from '../shell.ts'

const command = '`gh attestation trusted-root > trusted-root.jsonl`'

/** One root, or one on each line. */
export async function readRoots({ file, text }: TrustedRoots): Promise<TrustedRoot[]> {
  const values = parsed(text) ?? text.split('\n').flatMap((line) => parsed(line) ?? [])
  const { TrustedRoot } = (await import('@sigstore/protobuf-specs')).default
  const roots = values.map((value) => {
    try {
      const root = TrustedRoot.fromJSON(value)
      return root.certificateAuthorities.length > 0 ? root : null
    } catch {
      return null
    }
  })
  const good = roots.filter((root) => root !== null)
  if (good.length > 0 && good.length === roots.length) return good
  throw refused({
    code: 'bad-trusted-root',
    message: `${file} has no roots of Sigstore to trust.`,
    hint: `Write it with ${command}.`,
  })
}

function parsed(text: string): unknown[] | null {
  if (text.trim() === '') return null
  try {
    return [JSON.parse(text)]
  } catch {
    return null
  }
}

export interface TufOptions {
  /** Where the metadata is kept. */
  folder(): string
  /** Of each request. */
  limit: Limit
  env: NodeJS.ProcessEnv
  /** Default: those of Sigstore's public instance. */
  mirror?: { url: string; rootFile: string }
}

export async function fetchRoots({ folder, limit, env, mirror }: TufOptions): Promise<TrustedRoot> {
  const { DEFAULT_MIRROR_URL, getTrustedRoot } = (await import('@sigstore/tuf')).default
  const url = mirror?.url ?? DEFAULT_MIRROR_URL
  const restore = useProxy(env)
  try {
    return await getTrustedRoot({
      mirrorURL: url,
      ...(mirror && { rootPath: mirror.rootFile }),
      cachePath: folder(),
      timeout: limit.seconds * 1000,
      retry: 1,
    })
  } catch (error) {
    throw refused({
      code: 'trusted-root-unreachable',
      message: `The roots of Sigstore cannot be fetched from ${url}: ${reasonOf(error)}.`,
      hint: `Check the network and the proxy, or keep them in a file: ${command}, and name it with \`trustedRoot\`.`,
      cause: error,
    })
  } finally {
    restore()
  }
}

/** The library uses fetch, which knows no proxy by itself. Node has this from 24.14 on. */
function useProxy(env: NodeJS.ProcessEnv): () => void {
  const { setGlobalProxyFromEnv = () => () => {} }: Partial<typeof http> = http
  return setGlobalProxyFromEnv(env)
}

/** The library puts its own error around that of the connection. */
function reasonOf(error: unknown): string {
  let reason = error
  while (reason instanceof Error && reason.cause instanceof Error) reason = reason.cause
  return said(reason).replace(/\.$/, '')
}
