// Whether pods take their part: those of the live slot consume, no others do. Pure.
import type { PodReport } from '../../release/ports/cluster.ts'
import { slotAt } from '../../release/state.ts'
import type { Found } from './facts.ts'
import { logsOf, type SlotView } from './slot-view.ts'
import { shopctl } from './words.ts'

interface Reported {
  pod: string
  report: PodReport
}

/** Pods of the live slot that do not consume, and pods of another that do. */
export function consumerFindings(view: SlotView): Found[] {
  const reported = view.reports.flatMap(({ pod, report }) => (report ? [{ pod, report }] : []))
  if (!view.isLive) return standbyFindings(view, reported)
  const silent = view.reports.filter(({ report }) => report === null)
  const idle = reported.filter(({ report }) => report.role !== 'live' || !report.consuming)
  const unsaid: Found[] =
    silent.length > 0 && view.isReady
      ? [
          {
            cause: 'no-report',
            what: 'pods that are ready do not say what they consume.',
            evidence: silent.slice(0, 3).map(({ pod }) => `${pod}: no valid answer on its path`),
            hint: `${logsOf(view)} shows whether they hang.`,
          },
        ]
      : []
  return [...(idle.length > 0 ? [idleFinding(view, idle)] : []), ...unsaid]
}

function idleFinding(view: SlotView, idle: readonly Reported[]): Found {
  const { facts, service, color, slot } = view
  const elsewhere = idle.filter(({ report: { gate } }) => {
    return gate !== null && (gate.color !== color || gate.revision !== slot.revision)
  })
  const evidence = idle.slice(0, 3).map(({ pod, report }) => `${pod} reports: ${roleText(report)}`)
  const rollback = shopctl(facts, `rollback --service ${service}`)
  const isGate = elsewhere.length > 0
  return {
    cause: isGate ? 'gate-elsewhere' : 'not-consuming',
    what: isGate
      ? 'it is live, but the gate in its database names another slot, so it consumes nothing.'
      : `it is live, but ${idle.length} of its pods do not consume.`,
    evidence,
    hint: `${logsOf(view)} shows why. If the last switch is the cause, ${rollback} goes back.`,
  }
}

function roleText({ role, consuming, consumers, gate }: PodReport): string {
  const does = consuming ? 'consuming' : 'not consuming'
  const named = gate?.color ? `names ${gate.color} ${gate.revision}` : 'was never opened'
  const gated = gate ? `its gate ${named}, epoch ${gate.epoch}` : 'it has no gate or cannot read it'
  return `${role}, ${consumers} consumers, ${does}; ${gated}`
}

function standbyFindings(view: SlotView, reported: readonly Reported[]): Found[] {
  const { facts, service } = view
  const consuming = reported.filter(({ report }) => report.consuming)
  const now = facts.state.services[service]
  if (consuming.length === 0 || !now || slotAt(now, now.stable?.target) === null) return []
  return [
    {
      cause: 'standby-consumes',
      what: 'it is not live, but its pods consume.',
      evidence: consuming
        .slice(0, 3)
        .map(({ pod, report }) => `${pod} reports: ${roleText(report)}`),
      hint: `${logsOf(view)} shows why: a pod that cannot watch its Service does not know that it has to stop.`,
    },
  ]
}
