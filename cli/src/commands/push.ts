// shopctl push
import type { Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { describeImages } from '../release/images.ts'
import { type Pushed, push } from '../release/push.ts'

export async function pushImages(context: Context): Promise<Pushed[]> {
  const { config, source, registry, progress, services } = context
  const images = await describeImages(source, config, await context.registryAddress(), services)
  return push({ builder: await context.builder(), registry, progress }, images)
}

export async function pushCommand(context: Context): Promise<Result> {
  const pushed = await pushImages(context)
  return {
    document: {
      version: 1,
      images: pushed.map(({ image, digest, sent }) => ({
        name: image.service,
        reference: `${image.repository}@${digest}`,
        digest,
        tag: image.version,
        sent,
      })),
    },
    text: () => pushed.map(({ image, digest }) => `${image.repository}@${digest}`).join('\n'),
    summary: `Pushed ${pushed.length} images.`,
  }
}
