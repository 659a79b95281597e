// history: the operations of an environment and, with Argo CD, what people changed in git; latest first.
import { isInterrupted, refused, said } from '../errors.ts'
import type { HandChange } from '../release/ports/config-repo.ts'
import type { JournalStore, Progress } from '../release/ports/session.ts'
import { idOf, type Operation, operationsOf } from '../release/record.ts'

export interface HistoryPorts {
  journal: JournalStore
  progress: Pick<Progress, 'warn'>
  /** null: the environment has another driver. */
  gitops: {
    changesByHand(limit: number, others: readonly string[]): Promise<HandChange[]>
  } | null
}

export interface History {
  operations: Operation[]
  /** What people have changed in the config repo. null: there is none, or it cannot be read. */
  byHand: HandChange[] | null
  /** Names of records that could not be read. */
  damaged: string[]
}

/** The latest `limit` of both together. */
export async function history(ports: HistoryPorts, limit: number): Promise<History> {
  const found = await ports.journal.read()
  const all = operationsOf(found).reverse().slice(0, limit)
  const changes = await byHand(ports, all, limit)
  const shown = inOrder({ operations: all, byHand: changes }).slice(0, limit)
  return {
    operations: shown.flatMap(({ operation }) => operation ?? []),
    byHand: changes && shown.flatMap(({ change }) => change ?? []),
    damaged: found.damaged,
  }
}

async function byHand(
  { gitops, progress }: HistoryPorts,
  operations: readonly Operation[],
  limit: number,
): Promise<HandChange[] | null> {
  if (!gitops) return null
  try {
    return await gitops.changesByHand(
      limit,
      operations.map(({ startedAt }) => startedAt),
    )
  } catch (error) {
    if (isInterrupted(error)) throw error
    progress.warn(`What was changed by hand is not shown: ${said(error)}`)
    return null
  }
}

type Entry = { operation: Operation; change?: never } | { change: HandChange; operation?: never }

/** The latest first. */
export function inOrder({ operations, byHand }: Pick<History, 'operations' | 'byHand'>): Entry[] {
  const entries: Entry[] = [
    ...operations.map((operation) => ({ operation })),
    ...(byHand ?? []).map((change) => ({ change })),
  ]
  return entries.toSorted((one, other) => timeOf(other) - timeOf(one))
}

function timeOf({ operation, change }: Entry): number {
  return Date.parse(operation?.startedAt ?? change?.date ?? '')
}

/** `id` as `history` shows it: `r-41` or `op-57`. */
export async function findOperation(journal: JournalStore, id: string): Promise<Operation> {
  const operations = operationsOf(await journal.read()).reverse()
  const found = operations.find((operation) => idOf(operation) === id)
  if (found) return found
  const known = operations.slice(0, 5).map(idOf)
  throw refused({
    code: 'unknown-operation',
    message: `The journal has no operation ${id}.`,
    hint:
      known.length > 0
        ? `The latest are ${known.join(', ')}. Run \`shopctl history\` to see all.`
        : 'This environment has no operations yet.',
  })
}
