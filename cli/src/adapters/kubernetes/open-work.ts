// What a pod answers when it is asked what is open.
import { z } from 'zod'
import type { OpenWork } from '../../release/ports/open-work.ts'

const count = z.int().min(0)
const schema = z.object({
  open: count,
  before: z.object({ open: count, finished: z.record(z.string(), count) }),
  since: z.object({ due: count, late: count, open: count, oldestSeconds: z.number().nullable() }),
})

/** null: it is no such answer. */
export function openWorkOf(answer: unknown): OpenWork | null {
  return schema.safeParse(answer).data ?? null
}
