// What an incoming webhook of Slack accepts, as Slack's reference of Block Kit says it.
import { z } from 'zod'

const plain = (most: number) =>
  z.strictObject({ type: z.literal('plain_text'), text: z.string().min(1).max(most) })
const mrkdwn = z.strictObject({
  type: z.literal('mrkdwn'),
  /** `<`, `>` and `&` stand for themselves only as escapes; a link is the one mark that we write. */
  text: z
    .string()
    .min(1)
    .max(3_000)
    .refine(
      (text) =>
        !/[<>]|&(?!amp;|lt;|gt;)/.test(text.replaceAll(/<https?:\/\/[^<>|]+\|[^<>]+>/g, '')),
      'a mark that is not escaped',
    ),
})

export const blockKit = z.strictObject({
  text: z.string().min(1).max(40_000),
  blocks: z
    .array(
      z.discriminatedUnion('type', [
        z.strictObject({ type: z.literal('header'), text: plain(150) }),
        z.strictObject({ type: z.literal('section'), text: mrkdwn }),
        z.strictObject({ type: z.literal('context'), elements: z.array(mrkdwn).min(1).max(10) }),
      ]),
    )
    .min(1)
    .max(50),
})
