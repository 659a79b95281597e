// The critical alerts of an environment. They hold up a switch, unless the user says why it goes on.
import { refused } from '../../errors.ts'
import { type ObservePorts, observe } from '../observe.ts'
import type { Pods } from '../ports/cluster.ts'
import type { Alert, Metrics } from '../ports/metrics.ts'
import type { AlertRecord } from '../record.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { type EnvironmentState, liveColor } from '../state.ts'

export interface AlertPorts {
  /** null: the environment names no Prometheus. */
  metrics: Metrics | null
}

export interface AlertIntent {
  /** Switches although critical alerts fire. The reason says why. */
  despiteAlerts: boolean
}

const urgency = ['critical', 'warning']

/** The most urgent first, then the oldest. */
export function byUrgency(alerts: readonly Alert[]): Alert[] {
  const rank = ({ severity }: Alert): number => {
    const place = urgency.indexOf(severity)
    return place < 0 ? urgency.length : place
  }
  return alerts.toSorted((a, b) => rank(a) - rank(b) || a.since.localeCompare(b.since))
}

/** Those that hold up a switch. None where nobody can say: a release does not depend on its metrics. */
export function criticalOf(firing: readonly Alert[] | null): Alert[] {
  return byUrgency((firing ?? []).filter(({ severity }) => severity === 'critical'))
}

/** No alerts may mean that nobody looks. */
export async function checkCoverage(
  { metrics, pods }: AlertPorts & { pods: Pick<Pods, 'reports'> },
  { services }: EnvironmentState,
): Promise<void> {
  const isLive = Object.entries(services).some(
    // The pods of other services need not have metrics.
    ([name, service]) => liveColor(service) !== null && pods.reports(name),
  )
  if (isLive) await metrics?.checkCoverage()
}

/** Before a release builds anything. */
export async function refuseAlerts(
  ports: AlertPorts & ObservePorts,
  intent: AlertIntent,
): Promise<void> {
  const critical = criticalOf((await ports.metrics?.firing()) ?? null)
  if (critical.length === 0) return
  const heeded = heedAlerts(await observe(ports), critical, intent)
  if (!Array.isArray(heeded)) throw refused(heeded)
}

/** Those that the user goes on in spite of, or the refusal. */
export function heedAlerts(
  state: EnvironmentState,
  critical: Alert[],
  { despiteAlerts }: AlertIntent,
): Alert[] | Refusal {
  // What is not live yet cannot get worse, and the alert may be about that.
  const isLive = Object.values(state.services).some((service) => liveColor(service) !== null)
  if (critical.length === 0 || !isLive) return []
  return despiteAlerts ? critical : alertsFire(critical)
}

/** A message has room for so many. */
const named = 3

function alertsFire(critical: readonly Alert[]): Refusal {
  const verb = critical.length === 1 ? 'A critical alert fires' : 'Critical alerts fire'
  const texts = critical.slice(0, named).map(alertText).join('; ')
  const others = critical.length > named ? `, and ${critical.length - named} more` : ''
  return refuse(
    'alerts-fire',
    `${verb}: ${texts}${others}.`,
    'Run `shopctl status`: it has the first command for each. `--despite-alerts --reason "…"` goes on all the same.',
  )
}

/** `ServiceDown (order is down)` */
export function alertText({ name, summary }: Pick<Alert, 'name' | 'summary'>): string {
  return summary ? `${name} (${summary})` : name
}

/** A record has room for so many, and for so much of each text. */
const [kept, length] = [20, 300]

export function alertRecords(alerts: readonly Alert[]): AlertRecord[] {
  return alerts.slice(0, kept).map(({ name, service, color, summary, since }) => ({
    name,
    service,
    color,
    since,
    summary: summary.slice(0, length),
  }))
}
