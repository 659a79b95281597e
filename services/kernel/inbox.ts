// Each event takes effect once: one transaction writes the inbox row, the effects and the events that follow.
import type { Contract, Draft, Envelope } from '@shop/events/envelope'
import type { Queries, Transaction } from './database.ts'
import { Poison } from './failures.ts'
import type { Fence } from './gate.ts'
import type { Outbox } from './outbox.ts'
import type { ScheduledJob } from './schedule.ts'

export type Outcome = 'handled' | 'duplicate'

/** How a service handles one type of event. */
export interface Subscription {
  readonly type: string
  /** The only source whose events it accepts. Undefined: any. */
  readonly source?: string
  /** The other system that its handler calls. */
  readonly needs?: string
  /** Whether the handler will call that system for this event. Asked while the system is away. */
  mustCall(event: Envelope, fence: Fence): Promise<boolean>
  /** Its events follow from the event's trace context. Throws Poison when the data does not fit the contract. */
  receive(event: Envelope, inbox: InboxDeps): Promise<Outcome>
}

export interface InboxDeps {
  /** The inbox has one row per consumer and event id. */
  consumer: string
  outbox: Outbox
  fence: Fence
}

export interface Handler<Data, Prepared, Loaded> {
  /** The other system that `prepare` calls. While it is away, these events wait. */
  needs?: string
  /**
   * Asked while that system is away. Once it returns false, `prepare` must not call the system, and the event is handled.
   * It may run more than once, and writes through `fence`. Default: true.
   */
  mustCall?: (event: Envelope<Data>, fence: Fence) => Promise<boolean>
  /**
   * Calls other systems before the transaction begins. It may run more than once per event, so it must be idempotent. It
   * writes through `fence`.
   */
  prepare?: (event: Envelope<Data>, fence: Fence) => Promise<Prepared>
  /** Reads and locks the rows that `handle` needs, in the same round trip as the inbox row. Changes nothing. */
  load?: (tx: Queries, event: Envelope<Data>) => Promise<Loaded>
  /** Changes the database only through `tx`, and returns the events that follow. */
  handle: (
    tx: Transaction,
    event: Envelope<Data>,
    known: { loaded: Loaded; prepared: Prepared },
  ) => Promise<Draft[]>
  /** Called once it is committed, for metrics. Must not throw. Not called again for a copy of the event. */
  handled?: (event: Envelope<Data>, known: { loaded: Loaded; prepared: Prepared }) => void
}

export function on<Data, Prepared = undefined, Loaded = undefined>(
  contract: Contract<Data>,
  { needs, mustCall, prepare, load, handle, handled }: Handler<Data, Prepared, Loaded>,
): Subscription {
  return {
    type: contract.type,
    ...(contract.source !== undefined && { source: contract.source }),
    ...(needs !== undefined && { needs }),
    async mustCall(raw, fence) {
      const { success, data } = contract.data.safeParse(raw.data)
      return !success || !mustCall || mustCall({ ...raw, data }, fence)
    },
    async receive(raw, { consumer, outbox, fence }) {
      const event = { ...raw, data: readData(contract, raw.data) }
      const prepared = (await prepare?.(event, fence)) as Prepared
      const known = { prepared } as { loaded: Loaded; prepared: Prepared }
      const outcome = await outbox.commitFenced<Outcome>(fence, event.traceparent, async (tx) => {
        const [isNew, loaded] = await Promise.all([
          addToInbox(tx, consumer, event, fence),
          load?.(tx, event) as Promise<Loaded>,
        ])
        known.loaded = loaded
        if (!isNew) return { result: 'duplicate', events: [] }
        return { result: 'handled', events: await handle(tx, event, known) }
      })
      if (outcome === 'handled') handled?.(event, known)
      return outcome
    },
  }
}

function readData<Data>(contract: Contract<Data>, data: unknown): Data {
  const read = contract.data.safeParse(data)
  if (read.success) return read.data
  const problems = read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new Poison(`not a ${contract.type}: ${problems.join('; ')}`)
}

/**
 * Adds the event to the inbox and deletes its earlier failures. Returns false when the inbox already has the event. Waits
 * for another transaction that is handling the same event.
 */
async function addToInbox(
  tx: Transaction,
  consumer: string,
  { id, type }: Envelope,
  { color, revision, epoch }: Fence,
): Promise<boolean> {
  const [row] = await tx.query<{ isNew: boolean }>(
    `WITH settled AS (DELETE FROM parked WHERE message_id = $2)
     INSERT INTO inbox AS known (consumer, message_id, type, color, revision, epoch)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (consumer, message_id) DO UPDATE SET repeats = known.repeats + 1
     RETURNING repeats = 0 AS "isNew"`,
    [consumer, id, type, color, revision, epoch],
  )
  return row?.isNew ?? false
}

const keepDays = 7
const batchSize = 10_000

/** Replaces old inbox rows by their sums. Their messages are too old to be delivered again. */
export const inboxPruning: ScheduledJob = {
  name: 'inbox-pruning',
  everyMs: 30_000,
  async run(tx) {
    await tx.query(
      `WITH gone AS (
         DELETE FROM inbox WHERE (consumer, message_id) IN (
           SELECT consumer, message_id FROM inbox
           WHERE handled_at < now() - make_interval(days => $1) ORDER BY handled_at LIMIT $2
         ) RETURNING epoch, color, revision, repeats
       )
       INSERT INTO inbox_history AS known (epoch, color, revision, handled, repeats)
       SELECT epoch, color, revision, count(*), sum(repeats) FROM gone
       GROUP BY epoch, color, revision
       ON CONFLICT (epoch, color, revision) DO UPDATE SET
         handled = known.handled + EXCLUDED.handled, repeats = known.repeats + EXCLUDED.repeats`,
      [keepDays, batchSize],
    )
    return []
  },
}
