// What a merge in the config repo would do, as two of its commits say.
import type { Color, Target } from '../slot.ts'

/** null: it was not there, or will not be. */
export interface Change {
  from: string | null
  to: string | null
}

export interface SlotChange {
  service: string
  color: Color
  action: 'added' | 'changed' | 'removed'
  /** Whether it serves before the merge or after it. */
  live: boolean
  /** null, also below: it stays. */
  version: Change | null
  /** `sha256:…` */
  image: Change | null
  revision: Change | null
  /** Name, version and hash of its files. */
  chart: Change | null
  replicas: Change | null
  /** Names of variables. */
  config: string[]
  /** Paths of other values, such as `resources.limits.memory`. */
  values: string[]
}

export interface ServiceMove {
  service: string
  which: 'stable' | 'preview'
  from: Target | null
  to: Target | null
  /** `r-41`, as the commit says. null: none. */
  release: string | null
}

/** Why a merge would do harm, or never be carried out. */
export interface MergeRefusal {
  file: string
  /** Both count from 1. */
  line: number
  column: number
  message: string
}

export interface Merge {
  slots: SlotChange[]
  moves: ServiceMove[]
  refusals: MergeRefusal[]
  notes: string[]
}

/** A commit, and what the user called it. */
export interface NamedCommit {
  name: string
  commit: string
}

export interface MergePlan extends Merge {
  from: NamedCommit
  to: NamedCommit
}
