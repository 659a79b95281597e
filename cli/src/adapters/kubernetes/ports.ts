// One environment on a Kubernetes cluster, as a release needs it.
import type { ServiceConfig } from '../../config/schema.ts'
import type {
  Broker,
  Contents,
  Management,
  Namespace,
  Observer,
  Pods,
  Traffic,
} from '../../release/ports/cluster.ts'
import type { PodLogs } from '../../release/ports/logs.ts'
import type { Pieces } from '../../release/ports/pieces.ts'
import type { PodMetrics } from '../../release/ports/pod-metrics.ts'
import type { Clock, JournalStore, Lock, Mask, Operator } from '../../release/ports/session.ts'
import type { Limit } from '../shell.ts'
import { connect, type KubernetesApi } from './api.ts'
import { createBroker } from './broker.ts'
import { createContents } from './contents.ts'
import { createJournal } from './journal.ts'
import type { KubeconfigChoice, Target } from './kubeconfig.ts'
import { createLock, type Processes } from './lock.ts'
import { createManagement } from './management.ts'
import { createNamespace } from './namespace.ts'
import { createObserver } from './observer.ts'
import { createOperatorTokens } from './operator-tokens.ts'
import { createPieces } from './pieces.ts'
import { createPodLogs } from './pod-logs.ts'
import { createPodMetrics } from './pod-metrics.ts'
import { createPods } from './pods.ts'
import { createScaling, type Scaling } from './scaling.ts'
import { createSlotObjects, type SlotObjects } from './slots.ts'
import { createTraffic } from './traffic.ts'

export interface KubernetesOptions {
  cluster: KubeconfigChoice | Target
  namespace: string
  services: Readonly<Record<string, ServiceConfig>>
  /** Name of the dependency that is the broker. null: none. */
  broker: string | null
  operator: Operator
  /** What other commands see as the holder of the lock: its process too. */
  holder: string
  clock: Clock
  processes: Processes
  /** Has the proxies. */
  env: NodeJS.ProcessEnv
  /** Gets each password, key and token. */
  mask: Mask
  limits: { request: Limit; tools: Limit; pod: Limit }
}

export interface KubernetesPorts {
  api: KubernetesApi
  objects: SlotObjects
  scaling: Scaling
  observer: Observer
  pods: Pods
  podLogs: PodLogs
  podMetrics: PodMetrics
  journal: JournalStore
  lock: Lock
  namespace: Namespace
  contents: Contents
  pieces: Pieces
  management: Management
  traffic: Traffic
  broker: Broker | null
}

export function createKubernetesPorts(options: KubernetesOptions): KubernetesPorts {
  const { namespace, services, broker, operator, clock, env, mask, limits } = options
  const api = connect(options.cluster, { now: () => clock.now().getTime(), env, mask, limits })
  return {
    api,
    objects: createSlotObjects(api, namespace, clock.now),
    scaling: createScaling(api, namespace),
    observer: createObserver(api, namespace, Object.keys(services)),
    pods: createPods(api, namespace, services),
    podLogs: createPodLogs(api, namespace, limits.pod),
    podMetrics: createPodMetrics(api, namespace, services),
    journal: createJournal(api, namespace),
    lock: createLock(api, namespace, options),
    namespace: createNamespace(api, namespace),
    management: createManagement(api, namespace, services, {
      tokens: createOperatorTokens(api, namespace, clock.monotonic, mask),
      by: operator.by,
      limit: limits.pod,
    }),
    traffic: createTraffic(api, namespace, limits.pod),
    broker:
      broker === null
        ? null
        : createBroker(api, namespace, broker, { limit: limits.request, mask }),
    contents: createContents(api, namespace),
    pieces: createPieces(api, namespace),
  }
}
