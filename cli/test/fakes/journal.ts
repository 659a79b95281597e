// The journal and the lock of an environment, in memory.
import { failed } from '../../src/errors.ts'
import type { Held, JournalStore, Lock, LockHolder } from '../../src/release/ports/session.ts'
import { type Operation, operationSchema, releaseNumber } from '../../src/release/record.ts'
import type { EnvironmentState } from '../../src/release/state.ts'

export function conflict(what: string): Error {
  return failed({ code: 'conflict', message: `${what} was changed meanwhile` })
}

/** Keeps its records in `state.journal`, and takes none that could not be read again. */
export function createFakeJournal(state: EnvironmentState): JournalStore {
  const close = (operation: Operation): void => {
    state.journal.closed.push(operationSchema.parse(structuredClone(operation)))
    state.journal.open = null
  }
  const touch = (): void => {
    state.journal.head = String(Number(state.journal.head ?? 0) + 1)
  }
  return {
    read: async () => structuredClone(state.journal),
    counter: async () => ({ ...state.journal.counter }),
    isOpen: async ({ number }) => state.journal.open?.number === number,
    async begin(operation, seen, outcome) {
      const { journal } = state
      if (seen.head !== journal.head) throw conflict('the journal')
      if (journal.open) close({ ...journal.open, outcome, endedAt: operation.startedAt })
      const [release = journal.counter.release] = releaseNumber(operation.release)
      journal.counter = { operation: operation.number, release }
      journal.open = operationSchema.parse(structuredClone(operation))
      touch()
    },
    async end(operation) {
      const { open, counter } = state.journal
      if (open?.number !== operation.number)
        return open === null && counter.operation === operation.number
      close(operation)
      touch()
      return true
    },
    async amend(operation) {
      const { closed } = state.journal
      const index = closed.findIndex(({ number }) => number === operation.number)
      if (index >= 0) closed[index] = operationSchema.parse(structuredClone(operation))
    },
  }
}

export interface FakeLock extends Lock {
  /** The command that holds it. */
  holder: LockHolder | null
  byHand: LockHolder | null
  /** As if somebody else had taken it from who holds it. */
  lose(): void
}

export function aHolder(over: Partial<LockHolder> = {}): LockHolder {
  const since = '2026-01-01T00:00:00Z'
  return { holder: 'me@here 1', run: null, reason: 'deploy', since, byHand: false, ...over }
}

export function createFakeLock(): FakeLock {
  let lost = new AbortController()
  const lock: FakeLock = {
    holder: null,
    byHand: null,
    lose: () => lost.abort(),
    lockHolder: async () => lock.holder ?? lock.byHand,
    async acquire(reason, { despiteByHand = false } = {}): Promise<Held | LockHolder> {
      const other = lock.holder ?? (despiteByHand ? null : lock.byHand)
      if (other) return other
      lost = new AbortController()
      lock.holder = aHolder({ reason })
      return {
        lost: lost.signal,
        byHand: lock.byHand,
        async lockByHand(reason) {
          lock.byHand = aHolder({ holder: 'me@here', reason, byHand: true })
          return lock.byHand
        },
        async unlockByHand() {
          lock.byHand = null
        },
        async release() {
          lock.holder = null
        },
      }
    },
  }
  return lock
}
