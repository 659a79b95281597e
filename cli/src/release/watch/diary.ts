// Writes down in the journal how a watch goes: others see whether it is still alive.
import { said } from '../../errors.ts'
import type { Clock, JournalStore, Progress } from '../ports/session.ts'
import type { MoveOperation } from '../record.ts'
import type { GateRecord, WatchOutcome, WatchRecord } from '../watch-record.ts'

const beatMs = 15_000
/** Longer than a machine is busy, and clocks differ. */
const deadAfterMs = 60_000

export interface Diary {
  record: WatchRecord
  /** It goes on for longer than was planned. */
  extend(until: Date): void
  /** Now and then. */
  beat(gates: GateRecord[]): Promise<void>
  end(outcome: WatchOutcome, note: string | null, gates?: GateRecord[]): Promise<void>
}

export interface DiaryPorts {
  journal: Pick<JournalStore, 'amend'>
  clock: Clock
  progress: Pick<Progress, 'warn'>
}

/** A watch does not depend on its record. */
export async function openDiary(
  { journal, clock, progress }: DiaryPorts,
  operation: MoveOperation,
  until: Date,
): Promise<Diary> {
  const now = (): string => clock.now().toISOString()
  const record: WatchRecord = {
    startedAt: now(),
    until: until.toISOString(),
    seenAt: now(),
    outcome: null,
    note: null,
    gates: [],
  }
  let writtenAt = Number.NEGATIVE_INFINITY
  let warned = false
  const write = async (): Promise<void> => {
    writtenAt = clock.monotonic()
    record.seenAt = now()
    try {
      await journal.amend({ ...operation, watch: structuredClone(record) })
    } catch (error) {
      if (!warned) progress.warn(`The journal does not have this watch: ${said(error)}`)
      warned = true
    }
  }
  await write()
  return {
    record,
    extend(until) {
      record.until = until.toISOString()
    },
    async beat(gates) {
      record.gates = gates
      if (clock.monotonic() - writtenAt >= beatMs) await write()
    },
    async end(outcome, note, gates = record.gates) {
      Object.assign(record, { outcome, note, gates })
      await write()
    },
  }
}

/** Whether the watch goes on, as far as one can see from outside. */
export function isAlive({ outcome, seenAt }: WatchRecord, now: Date): boolean {
  return outcome === null && now.getTime() - Date.parse(seenAt) <= deadAfterMs
}
