// What a command tells others while it runs: one schema per kind of event.
import { z } from 'zod'
import { operationSchema } from '../record.ts'
import { watchOutcomes } from '../watch-record.ts'

/** The error of a command, as --json prints it. */
const problem = z.object({ code: z.string(), message: z.string(), hint: z.string().nullable() })

/** The payload of each kind of event. Fields may be added; those that are here keep their meaning. */
export const payloads = {
  'command.started': z.object({
    /** `switch`, `messages replay`. */
    command: z.string(),
    /** null: a command of `platform`. */
    env: z.string().nullable(),
    /** The services of --service. null: all. */
    services: z.array(z.string()).nullable(),
    by: z.string(),
    run: z.string().nullable(),
  }),
  'command.ended': z.object({
    command: z.string(),
    exitCode: z.number(),
    /** The document that --json prints. null: there is none, or it may hold data of customers (`messages show`). */
    result: z.record(z.string(), z.unknown()).nullable(),
    error: problem.nullable(),
  }),
  'operation.started': z.object({ operation: operationSchema }),
  'operation.ended': z.object({ operation: operationSchema }),
  /** `release`: it goes back. `outside`: both slots fail, so it does not. */
  'watch.breached': z.object({
    release: z.string(),
    cause: z.enum(['release', 'outside']),
    text: z.string(),
  }),
  /** Without a breach. */
  'watch.ended': z.object({
    release: z.string(),
    outcome: z.enum(watchOutcomes),
    text: z.string().nullable(),
  }),
  'step.started': z.object({ step: z.string() }),
  'step.ended': z.object({
    step: z.string(),
    outcome: z.enum(['done', 'failed']),
    tookMs: z.number(),
  }),
  note: z.object({ text: z.string() }),
  warning: z.object({ text: z.string() }),
} as const

export type EventKind = keyof typeof payloads
export type Payload<K extends EventKind> = z.infer<(typeof payloads)[K]>

export type Event<K extends EventKind = EventKind> = {
  [Each in K]: {
    version: 1
    /** ISO 8601, by the clock of the machine that runs the command. */
    time: string
    kind: Each
    payload: Payload<Each>
  }
}[K]

/** Never throws and never waits: what others do with an event must not disturb the command. */
export interface Events {
  emit<K extends EventKind>(kind: K, payload: Payload<K>): void
}
