// The journal: one record per operation, validated when it is read, and functions over the records. Pure.
import { z } from 'zod'
import { hookRecord } from './hook-record.ts'
import { probeRecord } from './probe-record.ts'
import {
  type Combination,
  colors,
  type Move,
  type MoveVerb,
  type Side,
  sameCombination,
  sameTarget,
} from './slot.ts'
import { outcomes, verbs } from './verbs.ts'
import { watchRecord } from './watch-record.ts'

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

const keptNames = z.object({
  chart: z.string().describe('Hash of its chart.'),
  settings: z
    .string()
    .describe('Hash of its digest, its values, and the names of its Secrets, as they were then.'),
})

const serviceRecord = z.object({
  name: z.string(),
  from: side.nullable().describe('The slot before the operation.'),
  to: side
    .nullable()
    .describe(
      'The slot that was written, tested, made live or taken off hold. null: the slot was removed.',
    ),
  proof: z
    .record(z.string(), z.union([z.number(), z.string(), z.null()]))
    .optional()
    .describe('What was measured during the operation.'),
  kept: keptNames
    .optional()
    .describe('What `to` was deployed with: the ConfigMaps `shopctl-kept-<hash>` have it.'),
})

const alertRecord = z
  .object({
    name: z.string(),
    service: z.string().nullable().describe('null: the environment as a whole.'),
    color: z.string().nullable(),
    summary: z.string(),
    since: z.string(),
  })
  .describe('A critical alert.')

const freezeRecord = z.object({
  from: z.string().describe('ISO 8601, in UTC.'),
  to: z.string().describe('ISO 8601, in UTC: the first moment after it.'),
  reason: z.string(),
})

const phaseRecord = z.object({
  name: z.string(),
  startedAt: z.string().optional().describe('ISO 8601. Records of earlier versions have none.'),
  tookMs: z.number(),
})

/** The descriptions are published, with the documents of `history`. */
export const operationSchema = z.object({
  version: z.literal(1),
  number: z.int().positive().describe('Counts all operations of an environment.'),
  release: z
    .string()
    .nullable()
    .describe('r-41: the release id of a switch or rollback. null: another operation.'),
  verb: z.enum(verbs),
  startedAt: z.string().describe('ISO 8601, by the clock of the machine that ran the command.'),
  endedAt: z.string().nullable(),
  by: z.string().describe('User and host.'),
  run: z.string().nullable().describe('The URL of the CI run. null: not run by CI.'),
  reason: z.string().nullable(),
  services: z.array(serviceRecord),
  combination: combination.optional().describe('Of a smoke test: the combination that was tested.'),
  alerts: z
    .array(alertRecord)
    .optional()
    .describe('Of a switch: the alerts that fired, and that it went on in spite of.'),
  freeze: freezeRecord
    .optional()
    .describe('The freeze of the environment that the operation went on in spite of.'),
  despiteKeep: z
    .string()
    .optional()
    .describe('The `keep` of the environment, as `1h`, that a cleanup did not wait for.'),
  phases: z.array(phaseRecord),
  hooks: z.array(hookRecord).optional().describe('The hooks that ran, in this order.'),
  probe: probeRecord.optional().describe('Of a switch or rollback: what its probe has measured.'),
  withoutProbe: z.string().optional().describe('Why it had no probe.'),
  resumes: z
    .string()
    .optional()
    .describe('r-40: the interrupted switch that it has finished, or was to finish.'),
  watch: watchRecord.optional().describe('Of a switch: how it was judged afterwards.'),
  outcome: z.enum(outcomes).nullable().describe('null: running or interrupted.'),
  error: z.string().nullable().describe('The error that ended it.'),
})

export type Operation = z.infer<typeof operationSchema>
export type ServiceRecord = z.infer<typeof serviceRecord>
export type KeptNames = z.infer<typeof keptNames>
export type FreezeRecord = z.infer<typeof freezeRecord>
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

/**
 * The move that a rollback of this service reverses. It is not one that has only put back what the move before it had made
 * live: that has undone an interrupted switch. undefined: there is none.
 */
export function lastMoveOf(journal: Journal, name: string): MoveOperation | undefined {
  const moves = doneMoves(journal).filter((move) => moveOf(move, name) !== undefined)
  return moves.findLast((move, index) => {
    const before = moves[index - 1]
    if (move.verb === 'switch' || !before) return true
    return !sameTarget(moveOf(before, name)?.to, moveOf(move, name)?.to)
  })
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
