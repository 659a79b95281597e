// `watch` of an environment in shopctl.yaml: how long a switch is watched, and by which gates. Pure.
import { z } from 'zod'
import { mostSeconds, spanMs } from './span.ts'

export const modes = ['on', 'dry-run', 'off'] as const
/** `dry-run`: a breach is only named. */
export type Mode = (typeof modes)[number]

const mode = z.enum(modes, `expected one of ${modes.join(', ')}`)

/** @param limit the default, in the unit of the gate */
function gate(limit: number, most: number) {
  const expected = `expected a number above 0 and up to ${most}`
  const full = z.strictObject({
    mode: mode.default('on'),
    limit: z.number(expected).gt(0, expected).max(most, expected).default(limit),
  })
  return z.preprocess((given) => (typeof given === 'string' ? { mode: given } : given), full)
}

const span = z
  .union([z.literal(0), z.string()], 'expected a time span, such as 5m, or 0')
  .transform((given, { addIssue }) => {
    const ms = given === 0 ? 0 : spanMs(given)
    const isSpan = given === 0 || (ms > 0 && ms <= mostSeconds * 1_000)
    if (!isSpan) addIssue({ code: 'custom', message: 'expected a time span, such as 5m, or 0' })
    return ms
  })

/** A PromQL expression of the user. It is a breach when its value is above the limit. */
const own = z.strictObject({
  name: z
    .string()
    .regex(
      /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/,
      'expected a name of lower-case letters, digits and dashes',
    ),
  query: z.string().regex(/\S/, 'expected an expression in PromQL'),
  limit: z.number(),
  mode: mode.default('on'),
})

const hour = 3_600

export const watchSchema = z
  .strictObject({
    /** How long, after each switch. 0: not at all. Default: 5m in a protected environment, else not at all. */
    for: span.optional(),
    /** Seconds until a pod that is not ready, or does not consume, is a breach. */
    pods: gate(10, hour).prefault({}),
    /** Percent of the requests that are tolerated at least. */
    errors: gate(0.5, 10).prefault({}),
    /** Percent of the messages that are tolerated at least. */
    handlers: gate(0.5, 10).prefault({}),
    /** Percent of the work, such as orders, that may be unfinished after 30 s at least. */
    unfinished: gate(0.5, 10).prefault({}),
    /** Milliseconds from which an answer is slow. */
    slow: gate(500, hour * 1_000).prefault({}),
    /** Seconds that a message may be old when it is consumed. */
    age: gate(10, hour).prefault({}),
    /** Messages of kinds that were not parked before. */
    parked: gate(1, 1_000_000).prefault({}),
    own: z.array(own).default([]),
  })
  .superRefine(({ own }, { addIssue }) => {
    const taken: string[] = [...gateNames, 'probe']
    for (const [index, { name }] of own.entries()) {
      if (taken.includes(name))
        addIssue({
          code: 'custom',
          path: ['own', index, 'name'],
          message: `expected another name than ${name}, which a gate has already`,
        })
      taken.push(name)
    }
  })

export const gateNames = [
  'pods',
  'errors',
  'handlers',
  'unfinished',
  'slow',
  'age',
  'parked',
] as const
export type GateName = (typeof gateNames)[number]

export type WatchConfig = z.infer<typeof watchSchema>
export type OwnGate = WatchConfig['own'][number]

const usualMs = 300_000

/** 0: not at all. */
export function watchMs({
  watch,
  protected: isProtected,
}: {
  watch: WatchConfig
  protected: boolean
}): number {
  return watch.for ?? (isProtected ? usualMs : 0)
}
