// What the probe of a switch or rollback has measured, as the journal keeps it.
import { z } from 'zod'

export const phases = ['before', 'during', 'after'] as const
export type Phase = (typeof phases)[number]

const ofAnswered = 'Of the requests that were answered, from when they were due. null: none was.'

const figures = z.object({
  requests: z.number(),
  failures: z.number(),
  p50Ms: z.number().nullable().describe(ofAnswered),
  p99Ms: z.number().nullable().describe(ofAnswered),
})

const failedRequest = z.object({
  phase: z.enum(phases),
  atMs: z
    .number()
    .describe('When it was sent, in milliseconds after the first write; negative before it.'),
  tookMs: z.number(),
  what: z.string().describe('503, or why there was no answer.'),
  connection: z.enum(['kept', 'new']),
  color: z.string().nullable(),
})

export const probeRecord = z.object({
  address: z.string(),
  service: z.string().describe('The service whose pods answer there.'),
  ...figures.shape,
  resent: z
    .number()
    .describe(
      'Sent again because the server had closed their kept connection. They have not failed.',
    ),
  lastOldAnswerMs: z
    .number()
    .nullable()
    .describe(
      'When the old color gave its last answer, in milliseconds after the first write; 0: it gave none after it. null: not known, or the service was not moved.',
    ),
  before: figures,
  during: figures,
  after: figures,
  failed: z.array(failedRequest).describe('The first ones.'),
})

export type ProbeRecord = z.infer<typeof probeRecord>
export type FailedRequest = z.infer<typeof failedRequest>
