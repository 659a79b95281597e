// The causes that a diagnosis knows, as codes for scripts.

/**
 * In order of likelihood, where several are found: what keeps a container from starting comes before what keeps its
 * service from being ready, and both before what only says that something is wrong.
 */
export const causes = [
  // What all slots share.
  'operation-running',
  'locked-by-hand',
  'operation-interrupted',
  'dependency-down',
  'broker-unreachable',
  'broker-alarm',
  'broker-topology',
  // The slot is not there.
  'slot-gone',
  'scaled-to-zero',
  'rollout-paused',
  // A container cannot start.
  'image-missing',
  'image-login',
  'registry-away',
  'image-invalid',
  'secret-missing',
  'config-map-missing',
  'container-config',
  // It starts, and ends.
  'migration-failed',
  'out-of-memory',
  'crash',
  // There are too few pods.
  'quota',
  'denied',
  'pods-not-created',
  'unschedulable',
  'volume',
  'argocd',
  // Its pods run, and say that something is missing.
  'login-refused',
  'migrations-missing',
  'database-away',
  'broker-away',
  'preview-plane',
  'probe',
  'not-ready',
  'migration-running',
  // Its pods are ready, and do not take their part.
  'gate-elsewhere',
  'not-consuming',
  'standby-consumes',
  'no-report',
  'too-few-pods',
  // What was seen from outside.
  'operation-failed',
  'nothing-live',
  'starting',
  'unknown',
  'alert',
] as const

export type Cause = (typeof causes)[number]

export function byLikelihood(one: { cause: Cause }, other: { cause: Cause }): number {
  return causes.indexOf(one.cause) - causes.indexOf(other.cause)
}
