// shopctl build
import type { Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { type Built, build } from '../release/build.ts'
import { describeImages } from '../release/images.ts'

export async function buildImages(context: Context): Promise<Built[]> {
  const { config, source, registry, programs, progress, services } = context
  const images = await describeImages(source, config, await context.registryAddress(), services)
  return build({ builder: await context.builder(), registry, programs, progress }, config, images)
}

const found = { built: 'built', engine: 'built before', registry: 'in the registry' }

export async function buildCommand(context: Context): Promise<Result> {
  const built = await buildImages(context)
  for (const { image, from } of built)
    if (from !== 'built') context.progress.note(`${image.service}: unchanged, ${found[from]}`)
  return {
    document: {
      version: 1,
      images: built.map(({ image, from }) => ({
        name: image.service,
        reference: `${image.repository}:${image.version}`,
        inputs: image.inputs,
        from,
      })),
    },
    text: () => built.map(({ image }) => `${image.repository}:${image.version}`).join('\n'),
    summary: `Built ${built.length} images.`,
  }
}
