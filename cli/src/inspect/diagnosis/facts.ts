// What a diagnosis is made of: facts about an environment, and what they say.
import type { PodReport, Rollout } from '../../release/ports/cluster.ts'
import type { GitopsProblem } from '../../release/ports/config-repo.ts'
import type { Alert } from '../../release/ports/metrics.ts'
import type { LockHolder } from '../../release/ports/session.ts'
import type { Color } from '../../release/slot.ts'
import type { EnvironmentState } from '../../release/state.ts'
import type { Cause } from './causes.ts'

export interface ContainerLog {
  pod: string
  container: string
  /** The last lines, without logins. */
  text: string
}

export interface SlotFacts {
  /** null: it could not be read. */
  rollout: Rollout | null
  /** What pods that run and are not ready answer on their readiness path. */
  answers: { pod: string; text: string }[]
  /** Of containers that ended, or are not ready. */
  logs: ContainerLog[]
  /** What running pods report. Empty: they report nothing, or could not be asked. */
  reports: { pod: string; report: PodReport | null }[]
}

export interface ServiceFacts {
  service: string
  /** null: there is no such slot. */
  slots: Record<Color, SlotFacts | null>
}

export interface BrokerFacts {
  /** Its alarms, and its nodes that are down. */
  problems: string[]
  /** What is not as its chart declares. */
  differences: string[]
  /** Why it cannot be asked. null: it can, or this user may not. */
  unreachable: string | null
}

export interface Facts {
  /** Milliseconds since 1970. */
  now: number
  env: string
  namespace: string
  /** Where Argo CD is. */
  argoNamespace: string
  state: EnvironmentState
  lock: LockHolder | null
  services: ServiceFacts[]
  dependencies: { name: string; isBroker: boolean; rollout: Rollout }[]
  /** null: the environment names none. */
  broker: BrokerFacts | null
  argocd: GitopsProblem[]
  alerts: Alert[]
}

export interface Finding {
  /** null: the environment as a whole. */
  service: string | null
  /** null: no single slot. */
  color: Color | null
  cause: Cause
  /** One line: what is wrong. */
  what: string
  /** Why that is believed: each one line, or a line and the last lines of a container. */
  evidence: string[]
  /** One line, with the command to run next. */
  hint: string
}

/** Before it is known which service and slot it is about. */
export type Found = Omit<Finding, 'service' | 'color'>
