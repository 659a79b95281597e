// shopctl push
import type { Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { type Pushed, push } from '../release/push/push.ts'

export async function pushCommand(context: Context): Promise<Result> {
  const [builder, tree] = await Promise.all([context.builder(), context.tree()])
  const pushed = await push({ ...context, builder }, tree)
  const reference = ({ image, digest }: (typeof pushed)[number]): string =>
    `${image.repository}@${digest}`
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
    outputs: { digests: digestsOf(pushed) },
  }
}

export function digestsOf(pushed: readonly Pushed[]): Record<string, string> {
  return Object.fromEntries(pushed.map(({ image, digest }) => [image.service, digest]))
}
