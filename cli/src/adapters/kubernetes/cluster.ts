// One environment on a Kubernetes cluster: everything that a release needs of it.
import type { Cluster } from '../../release/ports.ts'
import type { KubernetesApi } from './api.ts'
import { createFoundations } from './foundations.ts'
import { createLock } from './lock.ts'
import { createManagement } from './management.ts'
import { createSlots } from './slots.ts'
import { createWorkloads } from './workloads.ts'

export interface ClusterOptions {
  namespace: string
  services: readonly string[]
  /** Who holds the lock, for others to read. */
  holder: string
  /** Milliseconds. */
  now: () => number
}

export function createCluster(api: KubernetesApi, options: ClusterOptions): Cluster {
  return {
    ...createSlots(api, options.namespace, options.services),
    ...createWorkloads(api, options.namespace),
    ...createFoundations(api, options.namespace),
    ...createLock(api, options.namespace, options),
    ...createManagement(api, options.namespace),
  }
}
