// Reads the current state of an environment.
import type { Observer } from './ports/cluster.ts'
import type { JournalStore } from './ports/session.ts'
import type { EnvironmentState } from './state.ts'

export interface ObservePorts {
  observer: Observer
  journal: JournalStore
}

export async function observe({ observer, journal }: ObservePorts): Promise<EnvironmentState> {
  const [cluster, records] = await Promise.all([observer.services(), journal.read()])
  return { ...cluster, journal: records }
}
