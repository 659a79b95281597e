// push: pushes the images, each with its version tag, which is never moved, and its inputs tag.
import { refused } from '../../errors.ts'
import { describeImages, type Image, type TreeInput } from '../build/images.ts'
import type { ImageBuilder, Registry, Source } from '../ports/project.ts'
import type { Progress } from '../ports/session.ts'
import { settleAll } from '../settle.ts'

export interface Pushed {
  image: Image
  /** `sha256:…` */
  digest: string
  /** Whether the image was pushed, not only tagged. */
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
    // The image exists under another commit: it only needs the tag.
    if (!taken) await registry.tag(repository, known, version)
    return { image, digest: known, sent: false }
  }
  if (taken) throw tagTaken(image, taken)
  const reference = `${repository}:${inputsTag}`
  if ((await builder.inputsOf(reference)) !== image.inputs) {
    throw refused({
      code: 'not-built',
      message: `There is no image of ${image.service} for the current work tree.`,
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
    message: `The registry already has ${image.repository}:${image.version} with another digest (${digest.slice(0, 19)}…).`,
    hint: 'Tags are never moved. Run `git commit`, so that the image gets a new tag, then run the command again.',
  })
}

/** The digest of the pushed image of this tree. Refused if there is none. */
export async function requireDigest(registry: Registry, image: Image): Promise<string> {
  const digest = await registry.digest(image.repository, image.inputsTag)
  if (digest) return digest
  throw refused({
    code: 'not-pushed',
    message: `The registry has no image of ${image.service} for the current work tree (${image.version}).`,
    hint: 'Run `shopctl build` and `shopctl push` first, or `shopctl release` for all steps.',
  })
}
