// The artifacts that refer to an image, such as attestations: by the OCI distribution API, and by its tag schema.
import { z } from 'zod'
import { parseJson } from '../json.ts'

/** Asks the registry. null: it has no such thing. `path` is below the repository. */
export type Read = (path: string, accept: string) => Promise<Buffer | null>

export interface Content {
  digest: string
  /** Refused if it has another digest. */
  check(digest: string, content: Buffer): Buffer
}

const indexType = 'application/vnd.oci.image.index.v1+json'
const manifestType = 'application/vnd.oci.image.manifest.v1+json'

/** Others cannot be checked here: an entry that names one is left out. */
const digestForm = /^sha256:[0-9a-f]{64}$/

const indexSchema = z.object({
  manifests: z.array(z.object({ digest: z.string(), artifactType: z.string().optional() })),
})
const artifactSchema = z.object({
  layers: z.array(z.object({ digest: z.string().regex(digestForm), size: z.number() })),
})

/** Anybody who may push can add more, and larger ones. */
const mostArtifacts = 50
const mostBytes = 2 ** 22

export async function readReferrers(
  read: Read,
  { digest, check }: Content,
  artifactType: string,
): Promise<string[]> {
  const lists = await Promise.all([
    read(`referrers/${digest}?artifactType=${encodeURIComponent(artifactType)}`, indexType),
    // Clients write this tag where a registry lacks the API, and in Amazon ECR.
    read(`manifests/${digest.replace(':', '-')}`, indexType),
  ])
  const found = lists
    .flatMap((list) => indexSchema.safeParse(parseJson(list)).data?.manifests ?? [])
    .filter((each) => each.artifactType === artifactType && digestForm.test(each.digest))
  const digests = [...new Set(found.map((each) => each.digest))]
  // The newest is last in the tag schema; the API knows no order.
  const contents = await Promise.all(
    digests.slice(-mostArtifacts).map((each) => contentOf(read, check, each)),
  )
  return contents.flatMap((content) => content?.toString('utf8') ?? [])
}

async function contentOf(
  read: Read,
  check: Content['check'],
  digest: string,
): Promise<Buffer | null> {
  const manifest = await read(`manifests/${digest}`, manifestType)
  if (!manifest) return null
  const [layer] = artifactSchema.safeParse(parseJson(check(digest, manifest))).data?.layers ?? []
  if (!layer || layer.size > mostBytes) return null
  const content = await read(`blobs/${layer.digest}`, '*/*')
  return content && check(layer.digest, content)
}
