// From facts to findings, the most likely cause first. Pure.
import { type Color, colors } from '../../release/slot.ts'
import { liveColor } from '../../release/state.ts'
import { byLikelihood } from './causes.ts'
import { consumerFindings } from './consumers.ts'
import { endFindings, startFindings } from './containers.ts'
import { alertFindings, environmentFindings } from './environment.ts'
import type { Facts, Finding, Found, ServiceFacts } from './facts.ts'
import { failedFindings } from './operations.ts'
import { creationFindings, isMigrating, migrationFindings, nodeFindings } from './pods.ts'
import { loginFindings, readinessFindings } from './readiness.ts'
import { type SlotView, viewOf } from './slot-view.ts'
import { argocdFindings, goneFindings, nothingLive, sizeFindings, unexplained } from './slots.ts'

/** First what all services share. Then each service: its live slot, the other one, what is about neither. */
export function findingsOf(facts: Facts): Finding[] {
  const shared = environmentFindings(facts).map((each) => placed(each, null, null))
  return [
    ...shared.toSorted(byLikelihood),
    ...facts.services.flatMap((each) => ofService(facts, each)),
  ]
}

function placed(found: Found, service: string | null, color: Color | null): Finding {
  return { service, color, ...found }
}

function ofService(facts: Facts, { service, slots }: ServiceFacts): Finding[] {
  const now = facts.state.services[service]
  if (!now) return []
  const live = liveColor(now)
  const inOrder = colors.toSorted((one, other) => Number(other === live) - Number(one === live))
  const gone = goneFindings(facts, service)
  const ofSlots = inOrder.flatMap((color) => {
    const slot = now.slots[color]
    const found = slots[color]
    const own = slot && found ? slotFindings(viewOf(facts, service, slot, found)) : []
    const lost = gone.filter((each) => each.color === color)
    return [...own, ...lost].toSorted(byLikelihood).map((each) => placed(each, service, color))
  })
  const rest = [
    ...argocdFindings(facts, (each) => each.service === service && each.color === null),
    ...failedFindings(facts, service),
    ...(ofSlots.length > 0 ? [] : nothingLive(facts, service)),
    ...alertFindings(facts, (alert) => alert.service === service),
  ]
  return [...ofSlots, ...rest.toSorted(byLikelihood).map((each) => placed(each, service, null))]
}

function slotFindings(view: SlotView): Found[] {
  const { facts, service, color, rollout } = view
  const found = [
    ...sizeFindings(view),
    ...argocdFindings(facts, (each) => each.service === service && each.color === color),
    ...(rollout ? podFindings(view, rollout) : []),
    ...loginFindings(view),
    ...consumerFindings(view),
  ]
  const isExplained = found.some(({ cause }) => cause !== 'too-few-pods')
  return view.isReady || view.slot.replicas === 0 || isExplained
    ? found
    : [...found, ...unexplained(view)]
}

function podFindings(view: SlotView, rollout: NonNullable<SlotView['rollout']>): Found[] {
  const { pods, job, complaints } = rollout
  const migrating = isMigrating(job)
  const ofJob = migrating ? job.pods : []
  const starting = [...ofJob, ...pods]
  // Until the migrations are applied, pods may end because tables are missing.
  const ends = migrating ? [] : endFindings(view, pods)
  const answers = view.isReady ? [] : readinessFindings(view)
  // The login says more than that a connection is missing.
  const logins = loginFindings(view).flatMap(({ evidence }) => evidence)
  const isOfLogin = ({ cause }: Found): boolean =>
    (cause === 'database-away' && logins.some((each) => /database/i.test(each))) ||
    (cause === 'broker-away' && logins.some((each) => /broker/i.test(each)))
  return [
    ...startFindings(view, starting),
    ...migrationFindings(view, job),
    ...ends,
    ...creationFindings(view, [...complaints, ...(migrating ? job.complaints : [])]),
    ...nodeFindings(view, starting),
    // What has ended answers nothing.
    ...answers.filter((each) => !isOfLogin(each) && (ends.length === 0 || each.cause !== 'probe')),
  ]
}
