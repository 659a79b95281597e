// Shows what ails the broker while a verb runs. It stops no verb: events wait in the outboxes of the services.
import { said } from '../errors.ts'
import type { Broker } from './ports/cluster.ts'
import type { Progress } from './ports/session.ts'

interface BrokerPorts {
  /** null: the environment names none. */
  broker: Broker | null
  progress: Progress
}

/** One line per problem. A broker that cannot be asked is one of them. Never rejects. */
export async function brokerProblems(broker: Broker | null): Promise<string[]> {
  if (!broker) return []
  return broker.problems().catch((error) => [said(error)])
}

/** Warns of alarms as soon as they are known. Verbs that need the broker say themselves that it cannot be reached. */
export async function besideBroker<T>(
  { broker, progress }: BrokerPorts,
  verb: Promise<T>,
): Promise<T> {
  const looking = broker?.problems().then(
    (problems) => {
      for (const line of problems) progress.warn(`broker: ${line}`)
    },
    () => {},
  )
  try {
    return await verb
  } finally {
    await looking
  }
}
