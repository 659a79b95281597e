// Problem documents (RFC 9457): the bodies of all answers that are errors.
import { STATUS_CODES } from 'node:http'
import { z } from 'zod'

/** For the `response` schemas of routes. */
export const problemDocument = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ description: 'application/problem+json (RFC 9457)' })

export type Problem = Omit<z.infer<typeof problemDocument>, 'type' | 'title'>

export const problemType = 'application/problem+json'

export function problemBody({ status, ...rest }: Problem): z.infer<typeof problemDocument> {
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, ...rest }
}
