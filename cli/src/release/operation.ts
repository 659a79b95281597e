// The one record of a switch or rollback: its intent before the first write, its outcome after the last.
import { refused } from '../errors.ts'
import type { MovePlan } from './plan.ts'
import type { Clock, Cluster } from './ports.ts'
import type { EnvironmentState, Operation, Records, Release } from './state.ts'

const keptReleases = 100

export async function recordIntent(
  { cluster, clock }: { cluster: Cluster; clock: Clock },
  state: EnvironmentState,
  plan: MovePlan,
  { by, reason }: { by: string; reason: string | null },
): Promise<Operation> {
  const at = clock.now().toISOString()
  const intend = (records: Records): Operation => ({
    id: `r-${records.counter + 1}`,
    verb: plan.kind,
    at,
    by,
    reason,
    services: plan.moves,
  })
  const records = await cluster.updateRecords((now) => {
    const planned = state.records
    if (now.counter !== planned.counter || now.operation?.id !== planned.operation?.id) {
      throw refused({
        code: 'conflict',
        message: 'Somebody else has switched since this was planned.',
        hint: 'See `shopctl status`, then run it again.',
      })
    }
    return {
      ...now,
      counter: now.counter + 1,
      history: now.operation ? closed(now.history, now.operation) : now.history,
      operation: intend(now),
    }
  })
  if (!records.operation) throw new Error('the intent was written and is not there')
  return records.operation
}

/** How an interrupted operation enters the history once a rollback has dealt with it. */
export function closed(history: readonly Release[], operation: Operation): Release[] {
  return bounded([
    ...history,
    { ...operation, outcome: operation.verb === 'rollback' ? 'done' : 'undone' },
  ])
}

function bounded(history: Release[]): Release[] {
  return history.slice(-keptReleases)
}

export async function close(
  { cluster }: { cluster: Cluster },
  operation: Operation,
  outcome: Release['outcome'],
): Promise<void> {
  await cluster.updateRecords((now) => {
    // Closed already: by us, with the answer lost, or by the rollback of somebody else.
    if (now.operation?.id !== operation.id) return now
    const others = now.history.filter(({ id }) => id !== operation.id)
    return { ...now, operation: null, history: bounded([...others, { ...operation, outcome }]) }
  })
}
