// push: pushes the images, each with its version tag, which is never moved, and its inputs tag.
import { advised, isInterrupted, refused } from '../../errors.ts'
import { describeImages, type Image, inputsLabel, type TreeInput } from '../build/images.ts'
import {
  type ImageBuilder,
  type PushRecord,
  type Registry,
  type Source,
  tagTaken,
} from '../ports/project.ts'
import type { Progress } from '../ports/session.ts'
import { settleChanges } from '../settle.ts'

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
  pushed: PushRecord
  progress: Progress
}

export async function push(ports: PushPorts, input: TreeInput): Promise<Pushed[]> {
  const images = await describeImages(ports.source, input)
  // After an error, the registry may have other images by now, or this one without its tag.
  const { values } = await settleChanges((written) =>
    images.map((image) => pushOne(ports, image, written)),
  )
  return values
}

const believeTags =
  'If only trusted users can write to the registry, set `immutableTags: true` below `cluster` in shopctl.yaml: then that image is used.'

/** Calls `written` when the registry was changed. */
async function pushOne(ports: PushPorts, image: Image, written: () => void): Promise<Pushed> {
  const { builder, registry, pushed, progress } = ports
  const { repository, version, inputs, inputsTag } = image
  const [known, taken] = await Promise.all([
    findPushed(ports, image),
    registry.digest(repository, version),
  ])
  /** Whether the image has its version tag now. */
  const giveTag = async (digest: string): Promise<boolean> => {
    if (!taken) {
      await registry.tag(repository, digest, version)
      written()
      return true
    }
    if (taken === digest) return true
    // After `build --no-cache`, the tag stays with the earlier image of the same inputs.
    if (await pushed.has(repository, inputs, taken)) return false
    const problem = tagTaken(`${repository}:${version}`, taken)
    throw image.immutableTags ? problem : advised(problem, believeTags)
  }
  if (known) {
    // The image may exist under another commit: then it only needs the tag.
    await giveTag(known)
    return { image, digest: known, sent: false }
  }
  const reference = `${repository}:${inputsTag}`
  if ((await builder.labels(reference))?.[inputsLabel] !== inputs) {
    throw refused({
      code: 'not-built',
      message: `There is no image of ${image.service} for the current work tree.`,
      hint: `Run \`shopctl build --service ${image.service}\` first.`,
    })
  }
  if (await registry.prepare(repository)) written()
  const digest = await progress.step(`push ${image.service} ${version}`, async () => {
    const digest = await builder.push(reference).catch(async (error) => {
      if (isInterrupted(error) || !image.immutableTags) throw error
      // Another run may have pushed the same inputs meanwhile, and the tag does not move.
      const theirs = await findPushed(ports, image).catch(() => null)
      if (theirs) return theirs
      throw error
    })
    written()
    await pushed.add(repository, inputs, digest)
    if (!(await giveTag(digest)))
      progress.note(`${repository}:${version} stays the earlier image; the new one has no such tag`)
    return digest
  })
  return { image, digest, sent: true }
}

/**
 * The digest of the image in the registry. null: it has none that can be believed. Anybody may be able to write to the
 * registry, its tags and the labels of its images. So only what this user pushed counts, unless its tags never move.
 */
export async function findPushed(
  { registry, pushed }: Pick<PushPorts, 'registry' | 'pushed'>,
  { repository, inputs, inputsTag, immutableTags }: Image,
): Promise<string | null> {
  if (immutableTags) return registry.digest(repository, inputsTag)
  const digest = await pushed.last(repository, inputs)
  return digest && registry.digest(repository, digest)
}

/** The digest of the pushed image of this tree. Refused if there is none. */
export async function requireDigest(
  ports: Pick<PushPorts, 'registry' | 'pushed'>,
  image: Image,
): Promise<string> {
  const digest = await findPushed(ports, image)
  if (digest) return digest
  throw refused({
    code: 'not-pushed',
    message: `The registry has no image of ${image.service} for the current work tree (${image.version}) that you pushed.`,
    hint: 'Run `shopctl build` and `shopctl push` first, or `shopctl release` for all steps.',
  })
}
