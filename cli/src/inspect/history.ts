// history: the operations of an environment, latest first.
import { refused } from '../errors.ts'
import type { JournalStore } from '../release/ports/session.ts'
import { idOf, type Operation, operationsOf } from '../release/record.ts'

interface History {
  operations: Operation[]
  /** Names of records that could not be read. */
  damaged: string[]
}

export async function history(journal: JournalStore, limit: number): Promise<History> {
  const found = await journal.read()
  return { operations: operationsOf(found).reverse().slice(0, limit), damaged: found.damaged }
}

/** `id` as `history` shows it: `r-41` or `op-57`. */
export async function findOperation(journal: JournalStore, id: string): Promise<Operation> {
  const { operations } = await history(journal, Number.POSITIVE_INFINITY)
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
