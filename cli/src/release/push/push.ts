// push: brings the images into the registry, under a tag that is never moved and one for their inputs.
import { refused } from '../../errors.ts'
import { describeImages, type Image, type TreeInput } from '../build/images.ts'
import type { ImageBuilder, Registry, Source } from '../ports/project.ts'
import type { Progress } from '../ports/session.ts'
import { settleAll } from '../settle.ts'

export interface Pushed {
  image: Image
  /** `sha256:…` */
  digest: string
  /** Whether layers had to be sent. */
  sent: boolean
}

export interface PushPorts {
  source: Source
  builder: ImageBuilder
  registry: Registry
  progress: Progress
}

export async function push(ports: PushPorts, input: TreeInput): Promise<Pushed[]> {
  const images = await describeImages(ports.source, input)
  return settleAll(images.map((image) => pushOne(ports, image)))
}

async function pushOne({ builder, registry, progress }: PushPorts, image: Image): Promise<Pushed> {
  const { repository, version, inputsTag } = image
  const [known, taken] = await Promise.all([
    registry.digest(repository, inputsTag),
    registry.digest(repository, version),
  ])
  if (known) {
    if (taken && taken !== known) throw tagTaken(image, taken)
    // The same image as before under a new commit: a tag is all it needs.
    if (!taken) await registry.tag(repository, known, version)
    return { image, digest: known, sent: false }
  }
  if (taken) throw tagTaken(image, taken)
  const reference = `${repository}:${inputsTag}`
  if ((await builder.inputsOf(reference)) !== image.inputs) {
    throw refused({
      code: 'not-built',
      message: `There is no image of ${image.service} for the tree as it stands.`,
      hint: `Run \`shopctl build --service ${image.service}\` first.`,
    })
  }
  const digest = await progress.step(`push ${image.service} ${version}`, async () => {
    await builder.push(reference)
    const digest = await requireDigest(registry, image)
    await registry.tag(repository, digest, version)
    return digest
  })
  return { image, digest, sent: true }
}

function tagTaken(image: Image, digest: string): Error {
  return refused({
    code: 'tag-taken',
    message: `${image.repository}:${image.version} is in the registry already, with another digest (${digest.slice(0, 19)}…).`,
    hint: 'A tag is never moved: commit the change, so that the image gets a tag of its own.',
  })
}

/** Digest of the image that was pushed for this tree; refused when there is none. */
export async function requireDigest(registry: Registry, image: Image): Promise<string> {
  const digest = await registry.digest(image.repository, image.inputsTag)
  if (digest) return digest
  throw refused({
    code: 'not-pushed',
    message: `The registry has no image of ${image.service} for the tree as it stands (${image.version}).`,
    hint: `Run \`shopctl build\` and \`shopctl push\` first, or \`shopctl release\` for all of it.`,
  })
}
