// shopctl build
import type { Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { build } from '../release/build/build.ts'

const found = { built: 'built', engine: 'already built', registry: 'in the registry' }

export async function buildCommand(
  context: Context,
  { noCache }: { noCache: boolean },
): Promise<Result> {
  const [builder, tree] = await Promise.all([context.builder(), context.tree()])
  const built = await build({ ...context, builder }, { ...tree, noCache })
  for (const { image, from } of built)
    if (from !== 'built') context.progress.note(`${image.service}: unchanged, ${found[from]}`)
  const reference = ({ image }: (typeof built)[number]): string =>
    `${image.repository}:${image.version}`
  const fresh = built.filter(({ from }) => from === 'built').length
  return {
    document: {
      version: 1,
      images: built.map((each) => ({
        name: each.image.service,
        reference: reference(each),
        inputs: each.image.inputs,
        from: each.from,
      })),
    },
    text: () => built.map(reference).join('\n'),
    summary: `${fresh} of ${built.length} images built`,
    tables: [
      [
        ['SERVICE', 'IMAGE', 'FROM'],
        ...built.map((each) => [each.image.service, reference(each), found[each.from]]),
      ],
    ],
  }
}
