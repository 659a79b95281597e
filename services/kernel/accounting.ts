// The kernel's part of the accounting: messages that wait, and events that were handled.
import { type Bus, deadLettersOf } from './bus.ts'
import type { Queries } from './database.ts'
import { maskText } from './masking.ts'
import { readWaiting, type Waiting } from './waiting.ts'

export interface Accounting {
  /** The time of the count, in milliseconds since 1970, by the database's clock. */
  at: number
  outbox: { waiting: number }
  /** Messages that are ready in the service's queue. */
  queued: number
  /** Messages that are ready in its dead-letter queue. */
  dead: number
  /** Including those that wait for another system. */
  retrying: number
  waiting: Waiting
  parked: number
  /** Parked messages that were deleted because of their age. */
  expired: number
  duplicatesRefused: number
  /** Color and revision are null for events that were handled before there was a gate. */
  byEpoch: { epoch: number; color: string | null; revision: string | null; handled: number }[]
}

/** Throws when the database or the broker does not answer. */
export async function kernelAccounting(
  deps: { database: Queries; bus: Pick<Bus, 'depth'> },
  queue: string,
): Promise<Accounting> {
  const [queued, dead, waiting, [sums]] = await Promise.all([
    deps.bus.depth(queue),
    deps.bus.depth(deadLettersOf(queue)),
    readWaiting(deps.database),
    deps.database.query<Omit<Accounting, 'queued' | 'dead' | 'waiting'>>(summary),
  ])
  if (!sums) throw new Error('the summary has no row')
  const away = waiting.away.map((one) => ({ ...one, reason: maskText(one.reason) }))
  return { ...sums, queued, dead, waiting: { ...waiting, away } }
}

/** One statement, so that it counts everything at the same moment. */
const summary = `
  WITH handlings AS (
    SELECT epoch, color, revision, sum(handled) AS handled, sum(repeats) AS repeats FROM (
      SELECT epoch, color, revision, count(*) AS handled, sum(repeats) AS repeats
      FROM inbox GROUP BY epoch, color, revision
      UNION ALL SELECT epoch, color, revision, handled, repeats FROM inbox_history
    ) AS both_parts GROUP BY epoch, color, revision
  )
  SELECT (extract(epoch FROM now()) * 1000)::float8 AS at,
    (SELECT json_build_object('waiting', count(*)) FROM outbox) AS outbox,
    (SELECT count(*)::int FROM parked WHERE state = 'retrying' OR cause = 'waiting') AS retrying,
    (SELECT count(*)::int FROM parked WHERE state = 'parked' AND cause IS DISTINCT FROM 'waiting') AS parked,
    (SELECT expired::int FROM parked_history) AS expired,
    (SELECT coalesce(sum(repeats), 0)::int FROM handlings) AS "duplicatesRefused",
    (SELECT coalesce(json_agg(json_build_object('epoch', coalesce(epoch, 0), 'color', color,
       'revision', revision, 'handled', handled) ORDER BY epoch NULLS FIRST, color), '[]')
     FROM handlings) AS "byEpoch"`
