// The journal: one record per operation, validated when it is read, and functions over the records. Pure.
import { z } from 'zod'
import {
  type Combination,
  colors,
  type Move,
  type MoveVerb,
  type Side,
  sameCombination,
} from './slot.ts'

export const verbs = ['deploy', 'smoke', 'switch', 'rollback', 'cleanup'] as const
type Verb = (typeof verbs)[number]

const side: z.ZodType<Side> = z.object({
  color: z.enum(colors),
  digest: z.string(),
  version: z.string(),
  revision: z.string(),
})

const combination: z.ZodType<Combination> = z.record(
  z.string(),
  z.object({ revision: z.string(), digest: z.string(), template: z.string().optional() }),
)

const serviceRecord = z.object({
  name: z.string(),
  /** The slot before the operation. */
  from: side.nullable(),
  /** The slot that was written, tested or made live. null: the slot was removed. */
  to: side.nullable(),
  /** What was measured during the operation. */
  proof: z.record(z.string(), z.union([z.number(), z.string(), z.null()])).optional(),
})

/** A critical alert. */
const alertRecord = z.object({
  name: z.string(),
  /** null: the environment as a whole. */
  service: z.string().nullable(),
  color: z.string().nullable(),
  summary: z.string(),
  since: z.string(),
})

/** `undone`: a switch that was put back. `interrupted`: the command ended before the operation was complete. */
export const outcomes = ['done', 'failed', 'undone', 'interrupted'] as const

export const operationSchema = z.object({
  version: z.literal(1),
  /** Counts all operations of an environment. */
  number: z.int().positive(),
  /** `r-41`: the release id of a switch or rollback. null: another operation. */
  release: z.string().nullable(),
  verb: z.enum(verbs),
  /** ISO 8601, by the clock of the machine that ran the command. */
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  /** User and host. */
  by: z.string(),
  /** The URL of the CI run. null: not run by CI. */
  run: z.string().nullable(),
  reason: z.string().nullable(),
  services: z.array(serviceRecord),
  /** Of a smoke test: the combination that was tested. */
  combination: combination.optional(),
  /** Of a switch: the alerts that fired, and that it went on in spite of. */
  alerts: z.array(alertRecord).optional(),
  phases: z.array(
    z.object({
      name: z.string(),
      /** ISO 8601. Records of earlier versions have none. */
      startedAt: z.string().optional(),
      tookMs: z.number(),
    }),
  ),
  /** null: running or interrupted. */
  outcome: z.enum(outcomes).nullable(),
  /** The error that ended it. */
  error: z.string().nullable(),
})

export type Operation = z.infer<typeof operationSchema>
export type ServiceRecord = z.infer<typeof serviceRecord>
export type AlertRecord = z.infer<typeof alertRecord>
export type Outcome = (typeof outcomes)[number]

/** A switch or rollback. */
export type MoveOperation = Operation & { verb: MoveVerb; release: string }

export interface Journal {
  /** The last numbers in use. */
  counter: { operation: number; release: number }
  /** The operation that is running or was interrupted. */
  open: Operation | null
  /** Oldest first. */
  closed: Operation[]
  /** Names of records that could not be read. They are skipped. */
  damaged: string[]
  /** Version of the journal that was read; a write fails if it has changed. null: there is no journal yet. */
  head: string | null
}

export const emptyJournal: Journal = {
  counter: { operation: 0, release: 0 },
  open: null,
  closed: [],
  damaged: [],
  head: null,
}

export function isMoveVerb(verb: Verb): verb is MoveVerb {
  return verb === 'switch' || verb === 'rollback'
}

export function isMove(operation: Operation): operation is MoveOperation {
  return isMoveVerb(operation.verb)
}

/** The id shown to users: the release id, or the number of the operation. */
export function idOf({ release, number }: Operation): string {
  return release ?? `op-${number}`
}

/** The switch or rollback that has started and not ended. */
export function openMove({ open }: Journal): MoveOperation | null {
  return open && isMove(open) ? open : null
}

/** The switches and rollbacks that have ended, oldest first. */
export function movesOf({ closed }: Journal): MoveOperation[] {
  return closed.filter(isMove)
}

export function doneMoves(journal: Journal): MoveOperation[] {
  return movesOf(journal).filter(({ outcome }) => outcome === 'done')
}

/** The id of the live release. null: nothing was released yet. */
export function currentRelease(journal: Journal): string | null {
  return doneMoves(journal).at(-1)?.release ?? null
}

export function moveOf({ services }: Operation, name: string): Move | undefined {
  return services.find((move) => move.name === name)
}

/** All operations, oldest first, the open one too. */
export function operationsOf({ open, closed }: Journal): Operation[] {
  return [...closed, ...(open ? [open] : [])]
}

/** How the last smoke test of `name` in this combination ended. null: there was none, or it has not ended. */
export function smokeOutcome(
  journal: Journal,
  name: string,
  combination: Combination,
): Outcome | null {
  const last = operationsOf(journal).findLast(
    (operation) =>
      operation.verb === 'smoke' &&
      operation.combination !== undefined &&
      sameCombination(operation.combination, combination) &&
      moveOf(operation, name) !== undefined,
  )
  return last?.outcome ?? null
}

/** Whether the last smoke test of `name` in this combination passed. A test that has not ended did not pass. */
export function passedSmoke(journal: Journal, name: string, combination: Combination): boolean {
  return smokeOutcome(journal, name, combination) === 'done'
}

/** The outcome with which the next operation closes an interrupted one. A rollback is always completed. */
export function interruptedOutcome({ verb }: Operation): Outcome {
  if (verb === 'rollback') return 'done'
  return verb === 'switch' ? 'undone' : 'interrupted'
}

/** [41] of `r-41`; empty if `id` is no release id. */
export function releaseNumber(id: string | null | undefined): number[] {
  const [, digits] = /^r-(\d+)$/.exec(id ?? '') ?? []
  return digits === undefined ? [] : [Number(digits)]
}
