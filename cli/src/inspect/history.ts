// history: the operations of an environment and, with Argo CD, what people changed in git; latest first.
import { isInterrupted, refused, said } from '../errors.ts'
import type { HandChange, HandQuery } from '../release/ports/config-repo.ts'
import type { JournalStore, Progress } from '../release/ports/session.ts'
import { idOf, type Journal, moveOf, type Operation, operationsOf } from '../release/record.ts'
import type { HistoryFilter } from './history-filter.ts'

export interface HistoryPorts {
  journal: JournalStore
  progress: Pick<Progress, 'warn'>
  /** null: the environment has another driver. */
  gitops: { changesByHand(query: HandQuery): Promise<HandChange[]> } | null
}

export interface History {
  operations: Operation[]
  /** What people have changed in the config repo. null: there is none, or it cannot be read. */
  byHand: HandChange[] | null
  /** Names of records that could not be read. */
  damaged: string[]
}

/** The latest `limit` of both together. */
export async function history(
  ports: HistoryPorts,
  { limit, ...filter }: HistoryFilter & { limit: number },
): Promise<History> {
  const found = await ports.journal.read()
  const wanted = operationsOf(found).filter((operation) => isWanted(operation, filter))
  const all = wanted.toReversed().slice(0, limit)
  const changes = await byHand(ports, filter, {
    limit,
    others: all.map(({ startedAt }) => startedAt),
    services: filter.services,
  })
  const shown = inOrder({ operations: all, byHand: changes }).slice(0, limit)
  return {
    operations: shown.flatMap(({ operation }) => operation ?? []),
    byHand: changes && shown.flatMap(({ change }) => change ?? []),
    damaged: found.damaged,
  }
}

function isWanted(operation: Operation, { services, verbs, outcomes }: HistoryFilter): boolean {
  const { verb, outcome } = operation
  return (
    (services?.some((name) => moveOf(operation, name)) ?? true) &&
    (verbs?.includes(verb) ?? true) &&
    (outcomes?.includes(outcome ?? 'open') ?? true)
  )
}

async function byHand(
  { gitops, progress }: HistoryPorts,
  { verbs, outcomes }: HistoryFilter,
  query: HandQuery,
): Promise<HandChange[] | null> {
  if (!gitops) return null
  if (outcomes !== null || !(verbs?.includes('by-hand') ?? true)) return []
  try {
    return await gitops.changesByHand(query)
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

/** `id` as `history` shows it: `r-41` or `op-57`. Another one is refused, with those that are near it. */
export function findOperation(journal: Journal, id: string): Operation {
  const operations = operationsOf(journal).reverse()
  const found = operations.find((operation) => idOf(operation) === id)
  if (found) return found
  throw refused({
    code: 'unknown-operation',
    message: `The journal has no operation ${id}.`,
    hint:
      operations.length > 0
        ? `${nearby(operations, id)} Run \`shopctl history\` to see all.`
        : 'This environment has no operations yet.',
  })
}

/** Of a long journal, the latest ones say nothing of an id that was mistyped or is too old. */
function nearby(operations: readonly Operation[], id: string): string {
  if (/^[0-9a-f]{7,40}$/.test(id))
    return `A change by hand is a commit: run \`git show ${id}\` in the config repo.`
  const [, kind, digits] = /^(r|op)-(\d+)$/.exec(id) ?? []
  const numberOf = (operation: Operation): number =>
    kind === 'r' ? Number(operation.release?.slice(2)) : operation.number
  const far = (operation: Operation): number => Math.abs(numberOf(operation) - Number(digits))
  const near = operations.filter((operation) => kind === 'op' || operation.release !== null)
  if (kind === undefined || near.length === 0)
    return `The latest are ${listed(operations.slice(0, 5))}.`
  const nearest = new Set(near.toSorted((one, other) => far(one) - far(other)).slice(0, 5))
  return `The nearest are ${listed(near.filter((each) => nearest.has(each)))}.`
}

function listed(operations: readonly Operation[]): string {
  return operations.map(idOf).join(', ')
}
