// The requests that switch and rollback send through the edge. Pure.
import { z } from 'zod'

/** The most requests per second: a proof is no load test. */
const mostPerSecond = 500

export const probeSchema = z.strictObject({
  /** The edge, as customers reach it. */
  url: z
    .string()
    .refine(
      isOrigin,
      'expected an address such as https://shop.example.com, without user, path, query and fragment',
    ),
  /** Of the GET. It must do no harm. */
  path: z
    .string()
    .regex(
      /^\/[!-"$-~]*$/,
      'expected a path that begins with a slash, without blanks, umlauts and fragment',
    ),
  /** The service whose pods answer there. Default: the first one. */
  service: z.string().optional(),
  /** Requests per second. */
  rate: z.number().min(1).max(mostPerSecond).default(300),
  /** The header of an answer that names the color of its slot. */
  colorHeader: z
    .string()
    .regex(/^[a-zA-Z0-9-]+$/, 'expected the name of a header')
    .transform((name) => name.toLowerCase())
    .default('x-shop-color'),
})

export type ProbeConfig = z.infer<typeof probeSchema>

function isOrigin(value: string): boolean {
  const url = URL.parse(value)
  if (!url || !['http:', 'https:'].includes(url.protocol)) return false
  return url.href === `${url.origin}/` && !/[?#]/.test(value)
}
