// shopctl push
import type { Context } from '../context.ts'
import type { Outputs, Result } from '../output/result.ts'
import { type Pushed, push } from '../release/push/push.ts'

export async function pushCommand(context: Context): Promise<Result> {
  const [builder, tree] = await Promise.all([context.builder(), context.tree()])
  return pushResult(await push({ ...context, builder }, tree))
}

export function pushResult(pushed: readonly Pushed[]): Result {
  const reference = ({ image, digest }: Pushed): string => `${image.repository}@${digest}`
  const sent = pushed.filter((each) => each.sent).length
  return {
    document: {
      version: 1,
      images: pushed.map((each) => ({
        name: each.image.service,
        reference: reference(each),
        digest: each.digest,
        tag: each.image.version,
        sent: each.sent,
      })),
    },
    text: () => pushed.map(reference).join('\n'),
    summary: `${sent} of ${pushed.length} images pushed`,
    tables: [
      [
        ['SERVICE', 'VERSION', 'IMAGE'],
        ...pushed.map((each) => [each.image.service, each.image.version, reference(each)]),
      ],
    ],
    outputs: { digests: digestsOf(pushed), images: subjectsOf(pushed) },
  }
}

export function digestsOf(pushed: readonly Pushed[]): Record<string, string> {
  return Object.fromEntries(pushed.map(({ image, digest }) => [image.service, digest]))
}

function subjectsOf(pushed: readonly Pushed[]): NonNullable<Outputs['images']> {
  return pushed.map(({ image: { repository }, digest }) => {
    const [registry = ''] = repository.split('/')
    return { name: repository, digest, registry }
  })
}
