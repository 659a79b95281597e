// build: builds the images in parallel. An image that the registry or the local engine already has is not built.
import type { Config } from '../../config/schema.ts'
import { failed } from '../../errors.ts'
import { lastLines } from '../last-lines.ts'
import type { ImageBuilder, Programs, Registry, Source } from '../ports/project.ts'
import type { Progress } from '../ports/session.ts'
import { settleAll } from '../settle.ts'
import { describeImages, type Image, labelsOf, requireService, type TreeInput } from './images.ts'

export interface Built {
  image: Image
  /** Where the image was found; `built`: it was built now. */
  from: 'registry' | 'engine' | 'built'
}

export interface BuildPorts {
  source: Source
  builder: ImageBuilder
  registry: Registry
  programs: Programs
  progress: Progress
  signal: AbortSignal
}

export async function build(ports: BuildPorts, input: TreeInput): Promise<Built[]> {
  const images = await describeImages(ports.source, input)
  return settleAll(images.map((image) => buildOne(ports, input.config, image)))
}

async function buildOne(ports: BuildPorts, config: Config, image: Image): Promise<Built> {
  const { builder, registry, programs, progress, signal } = ports
  const reference = `${image.repository}:${image.inputsTag}`
  if (await registry.digest(image.repository, image.inputsTag)) return { image, from: 'registry' }
  if ((await builder.inputsOf(reference)) === image.inputs) return { image, from: 'engine' }
  const { context, prepare } = requireService(config, image.service).build
  await progress.step(`build ${image.service} ${image.version}`, async () => {
    if (prepare) {
      const { exitCode, output } = await programs.run(prepare, signal)
      if (exitCode !== 0) {
        throw failed({
          code: 'prepare-failed',
          message: `${prepare.join(' ')} ended with exit code ${exitCode}:\n${lastLines(output, 20)}`,
          hint: `Fix the command or \`services.${image.service}.build.prepare\` in shopctl.yaml, then run \`shopctl build\` again.`,
        })
      }
    }
    await builder.build({
      context,
      tags: [`${image.repository}:${image.version}`, reference],
      labels: labelsOf(image),
    })
  })
  return { image, from: 'built' }
}
