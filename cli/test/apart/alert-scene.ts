// What Prometheus sees of a shop that is well, and a form for what it sees when something is not.

/** Each series is well for two minutes, bad for five, and well for 15. In seconds, when alerts are looked at. */
export const times = { well: 105, bad: 405, wellAgain: 705 }
const samples = [8, 20, 60]

type Value = number | '_' | 'stale' | 'Inf'

/** A sample comes each 15 s. */
function inPhases<T>(...values: readonly [T, T, T]): T[] {
  return values.flatMap((value, phase) => Array<T>(samples[phase] ?? 0).fill(value))
}

export function gauge(well: Value, bad: Value = well, wellAgain: Value = well): string {
  return inPhases(well, bad, wellAgain).join(' ')
}

/** `well` and `bad` are increases per second. */
export function counter(well: number, bad: number = well): string {
  let sum = 0
  const sums = inPhases(well, bad, well).map((rate) => {
    sum += 15 * rate
    return sum
  })
  return sums.join(' ')
}

export type Series = Record<string, string>

export const live = 'environment="local",service="order",color="green",version="v2",plane="live"'
export const standby = 'environment="local",service="order",color="blue",version="v1",plane="live"'
const released = 'environment="local",namespace="shop",service="order"'
export const pod = 'environment="local",namespace="shop",pod="order-green-7c9-x2k4p"'

/** order is live on green since r-42, and well. */
export const scene: Series = {
  [`kube_service_annotations{${released},annotation_shopctl_dev_release="r-42"}`]: gauge(1),
  [`kube_service_labels{${released},label_shopctl_dev_pointer="stable"}`]: gauge(1),
  'kube_endpoint_address{environment="local",namespace="shop",endpoint="order",ip="10.0.0.1",ready="true"}':
    gauge(1),
  [`slot_live{${live},pod="g"}`]: gauge(1),
  [`slot_live{${standby},pod="b"}`]: gauge(0),
  [`slot_consuming{${live},pod="g"}`]: gauge(1),
  [`slot_consuming{${standby},pod="b"}`]: gauge(0),
  'up{job="kube-state-metrics",environment="observability"}': gauge(1),
  'kube_statefulset_status_replicas_ready{environment="local",namespace="shop",statefulset="rabbitmq"}':
    gauge(1),
}

export const slot = { service: 'order', color: 'green', version: 'v2', release: 'r-42' }
export const status = 'shopctl status --env local'

export interface AlertCase {
  alert: string
  /** When the alert has more than one cause. */
  cause?: string
  severity: 'critical' | 'warning' | 'none'
  /** Besides the severity. */
  labels: Record<string, string>
  summary: string
  description: string
  command: string
  /** And the variables of its link. */
  dashboard: string
  /** In addition to the scene, or in place of parts of it. */
  bad: Series
  /** In seconds, when it is not at the end of the bad time. */
  firesAt?: number
  /** When it needs more than five minutes to end. */
  endsAt?: number
  /** What raises nothing. */
  harmless: Record<string, Series>
}

export const local = { environment: 'local' }
export const ofOrder = '?var-environment=local&var-service=order'

export const requests = (labels: string, statusCode: number) =>
  `http_request_duration_seconds_count{${labels},method="POST",route="/orders",status="${statusCode}"}`
