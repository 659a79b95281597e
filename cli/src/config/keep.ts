// How long `cleanup` keeps a slot that is live no more. Pure.
import { z } from 'zod'
import { spanMs } from './span.ts'

/** A date must be possible before it. */
const mostMs = 365 * 86_400_000

/** As it is written: `1h`. */
export const keepSchema = z.string().refine((text) => {
  const ms = spanMs(text)
  return ms > 0 && ms <= mostMs
}, 'expected a time span of up to 365 days, such as 30m, 1h or 2d')
