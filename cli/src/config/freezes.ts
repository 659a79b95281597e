// `freezes` of an environment in shopctl.yaml: the times in which nothing is released there. Pure.
import { z } from 'zod'

export interface FreezeConfig {
  from: string
  to: string
  reason: string
}

const day = z.iso.date()
const expected =
  'expected a time with its zone, such as 2026-12-24T18:00+01:00, or a day, such as 2026-12-24'
const time = z.union(
  [day, z.iso.datetime({ offset: true, precision: -1 }), z.iso.datetime({ offset: true })],
  expected,
)

export const freezesSchema = z
  .array(
    z
      .strictObject({
        from: time,
        /** The first moment after it, or its last day. */
        to: time,
        reason: z.string().regex(/\S/, 'expected the reason'),
      })
      .refine((freeze) => beginOf(freeze) < endOf(freeze), {
        path: ['to'],
        error: 'expected an end after `from`',
      }),
  )
  .default([])

/** Milliseconds since 1970. */
export function beginOf({ from }: Pick<FreezeConfig, 'from'>): number {
  return timeOf(from, 0)
}

/** Milliseconds since 1970: of the first moment after it. */
export function endOf({ to }: Pick<FreezeConfig, 'to'>): number {
  return timeOf(to, 1)
}

/** A day has no zone in ISO 8601: it begins at midnight by the clock of this machine. Some days have 23 or 25 hours. */
function timeOf(text: string, daysLater: number): number {
  if (!day.safeParse(text).success) return Date.parse(text)
  const [year = 0, month = 1, date = 1] = text.split('-').map(Number)
  return new Date(year, month - 1, date + daysLater).getTime()
}
