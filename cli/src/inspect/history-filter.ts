// What `history` can be limited to. The command tree imports it at each start.
import { outcomes, verbs } from '../release/verbs.ts'

/** `by-hand`: a commit of the config repo that shopctl did not write. */
export const shownVerbs = [...verbs, 'by-hand'] as const

/** `open`: it has not ended. A change by hand has no outcome. */
export const shownOutcomes = [...outcomes, 'open'] as const

/** Each null: all. */
export interface HistoryFilter {
  services: readonly string[] | null
  verbs: readonly (typeof shownVerbs)[number][] | null
  outcomes: readonly (typeof shownOutcomes)[number][] | null
}
