// Each event has its effect once: the inbox row, the effects and the events that follow commit together.
import type { Contract, Draft, Envelope } from '@shop/events/envelope'
import type { Queries, Transaction } from './database.ts'
import type { Fence } from './gate.ts'
import type { Outbox } from './outbox.ts'
import { continueTrace } from './telemetry.ts'

export type Outcome = 'handled' | 'duplicate'

/** What a service does about one type of event. */
export interface Subscription {
  readonly type: string
  /** Throws Unreadable when the data are not what the type promises. */
  receive(event: Envelope, inbox: InboxDeps): Promise<Outcome>
}

export interface InboxDeps {
  /** Deliveries are remembered per consumer and event id. */
  consumer: string
  outbox: Outbox
  fence: Fence
}

/** A message that will never be understood, however often it is delivered. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable'
}

export interface Behaviour<Data, Prepared, Looked> {
  /**
   * Talks to the outside world before the transaction begins, and may run more than once per
   * event: it has to leave a trace of its own that makes a repetition harmless. What it writes
   * goes through `fence`, which only the slot behind the gate can pass.
   */
  prepare?: (event: Envelope<Data>, fence: Fence) => Promise<Prepared>
  /** Reads and locks what `handle` decides on. It travels with the question whether the event is new: it changes nothing. */
  look?: (tx: Queries, event: Envelope<Data>) => Promise<Looked>
  /** Has the effects, by `tx` alone, and returns the events that follow from them. */
  handle: (
    tx: Transaction,
    event: Envelope<Data>,
    known: { looked: Looked; prepared: Prepared },
  ) => Promise<Draft[]>
}

export function on<Data, Prepared = undefined, Looked = undefined>(
  contract: Contract<Data>,
  { prepare, look, handle }: Behaviour<Data, Prepared, Looked>,
): Subscription {
  return {
    type: contract.type,
    async receive(raw, { consumer, outbox, fence }) {
      const event = { ...raw, data: readData(contract, raw.data) }
      const prepared = (await prepare?.(event, fence)) as Prepared
      return outbox.transaction<Outcome>(
        continueTrace(event.traceparent),
        async (tx) => {
          const [first, looked] = await Promise.all([
            isFirst(tx, consumer, event, fence),
            look?.(tx, event) as Promise<Looked>,
          ])
          if (!first) return { result: 'duplicate', events: [] }
          return { result: 'handled', events: await handle(tx, event, { looked, prepared }) }
        },
        fence,
      )
    },
  }
}

function readData<Data>(contract: Contract<Data>, data: unknown): Data {
  const read = contract.data.safeParse(data)
  if (read.success) return read.data
  const problems = read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new Unreadable(`not a ${contract.type}: ${problems.join('; ')}`)
}

/**
 * A concurrent delivery of the same event waits here until the other transaction has ended. Once
 * it was handled, earlier failures are of no interest.
 */
async function isFirst(
  tx: Transaction,
  consumer: string,
  { id, type }: Envelope,
  { color, revision, epoch }: Fence,
): Promise<boolean> {
  const [row] = await tx.query<{ first: boolean }>(
    `WITH settled AS (DELETE FROM parked WHERE message_id = $2)
     INSERT INTO inbox AS known (consumer, message_id, type, color, revision, epoch)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (consumer, message_id) DO UPDATE SET repeats = known.repeats + 1
     RETURNING repeats = 0 AS first`,
    [consumer, id, type, color, revision, epoch],
  )
  return row?.first ?? false
}
