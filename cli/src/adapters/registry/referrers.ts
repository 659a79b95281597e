// The artifacts that refer to an image, such as attestations: by the OCI distribution API, and by its tag schema.
import { z } from 'zod'
import { parseJson } from '../json.ts'

/** Asks the registry. null: it has no such thing. `path` is below the repository. */
export type Read = (path: string, accept: string) => Promise<Found | null>

interface Found {
  content: Buffer
  /** The path of the next page of a list. null: this is the last. */
  next: string | null
}

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
/** Of one list. */
const mostPages = 20
const mostListBytes = 2 ** 22

export async function readReferrers(
  read: Read,
  { digest, check }: Content,
  artifactType: string,
): Promise<string[]> {
  const lists = await Promise.all([
    readList(read, `referrers/${digest}?artifactType=${encodeURIComponent(artifactType)}`),
    // Clients write this tag where a registry lacks the API, and in Amazon ECR.
    readList(read, `manifests/${digest.replace(':', '-')}`),
  ])
  const found = lists
    .flat()
    .flatMap((list) => indexSchema.safeParse(parseJson(list)).data?.manifests ?? [])
    .filter((each) => each.artifactType === artifactType && digestForm.test(each.digest))
  const digests = [...new Set(found.map((each) => each.digest))]
  // The newest is last in the tag schema; the API knows no order.
  const contents = await Promise.all(
    digests.slice(-mostArtifacts).map((each) => contentOf(read, check, each)),
  )
  return contents.flatMap((content) => content?.toString('utf8') ?? [])
}

/** The pages of a list. */
async function readList(read: Read, first: string): Promise<Buffer[]> {
  const pages: Buffer[] = []
  let bytes = 0
  for (let path: string | null = first; path !== null; ) {
    const page: Found | null = await read(path, indexType)
    if (!page) break
    pages.push(page.content)
    bytes += page.content.length
    path = pages.length < mostPages && bytes < mostListBytes ? page.next : null
  }
  return pages
}

async function contentOf(
  read: Read,
  check: Content['check'],
  digest: string,
): Promise<Buffer | null> {
  const manifest = await read(`manifests/${digest}`, manifestType)
  if (!manifest) return null
  const checked = parseJson(check(digest, manifest.content))
  const [layer] = artifactSchema.safeParse(checked).data?.layers ?? []
  if (!layer || layer.size > mostBytes) return null
  const blob = await read(`blobs/${layer.digest}`, '*/*')
  return blob && check(layer.digest, blob.content)
}
