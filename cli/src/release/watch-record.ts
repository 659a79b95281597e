// What the watch after a switch has found, as the journal keeps it.
import { z } from 'zod'

export const watchOutcomes = ['passed', 'inconclusive', 'breached', 'outside', 'ended'] as const
export type WatchOutcome = (typeof watchOutcomes)[number]

const gateRecord = z.object({
  gate: z.string(),
  service: z.string().nullable().describe('null: the environment as a whole.'),
  mode: z.enum(['on', 'dry-run']).describe('dry-run: a breach is only named.'),
  outcome: z
    .enum(['passes', 'breach', 'inconclusive', 'off', 'unread'])
    .describe(
      'inconclusive: too few requests. off: it cannot judge. unread: its figures cannot be read.',
    ),
  requests: z.number().nullable().describe('Or messages. null: the gate does not count.'),
  failures: z.number().nullable(),
  tolerated: z.number().nullable().describe('The share that is tolerated, from 0 to 1.'),
  limit: z.number().nullable().describe('So many failures are a breach.'),
  since: z.string().nullable().describe('ISO 8601: the first failure.'),
  what: z.string().describe('The same in words.'),
})

export const watchRecord = z.object({
  startedAt: z.string().describe('ISO 8601.'),
  until: z
    .string()
    .describe('ISO 8601: its end. It is moved if there are too few requests by then.'),
  seenAt: z
    .string()
    .describe('ISO 8601: it was still going on then. A watch that died says nothing more.'),
  outcome: z
    .enum(watchOutcomes)
    .nullable()
    .describe(
      'breached: it has gone back. outside: both slots failed. ended: by somebody, before its time. null: it goes on, or has died.',
    ),
  note: z.string().nullable().describe('What led to the outcome.'),
  gates: z.array(gateRecord),
})

export type GateRecord = z.infer<typeof gateRecord>
export type WatchRecord = z.infer<typeof watchRecord>
