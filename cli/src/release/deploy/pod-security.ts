// The Pod Security labels of the namespace, which decide what pods the API server accepts.
import { type PodSecurityLevel, podSecurityLevels } from '../../config/schema.ts'
import { refused } from '../../errors.ts'
import type { Namespace } from '../ports/cluster.ts'
import type { Progress } from '../ports/session.ts'

type Labels = Readonly<Record<string, string>>

export interface PodSecurityPorts {
  namespace: Namespace
  progress: Progress
}

function rank(level: string | undefined): number {
  return podSecurityLevels.indexOf(level as PodSecurityLevel)
}

/** The labels to set. Stricter ones of an administrator stay. */
export function missingLabels(level: PodSecurityLevel, found: Labels): Labels {
  const names = ['enforce', 'audit', 'warn'].map((mode) => `pod-security.kubernetes.io/${mode}`)
  const lower = names.filter((name) => rank(found[name]) < rank(level))
  return Object.fromEntries(lower.map((name) => [name, level]))
}

/**
 * The labels that deploy has to set. Throws a refusal if pods of the namespace do not fit: the API server would not let
 * them start again, those of a live slot neither.
 */
export async function planPodSecurity(
  { namespace, progress }: PodSecurityPorts,
  level: PodSecurityLevel | undefined,
): Promise<Labels> {
  const found = await namespace.labels()
  const labels = level && found ? missingLabels(level, found) : {}
  if (Object.keys(labels).length === 0) return {}
  const warnings = await namespace.label(labels, { dryRun: true })
  if (warnings === null) {
    progress.warn(
      `The namespace does not enforce \`podSecurity: ${level}\`: your account may not label it. An administrator's \`shopctl deploy\` does.`,
    )
    return {}
  }
  if (warnings.length === 0) return labels
  throw refused({
    code: 'pods-not-fit',
    message: `Pods are running that \`podSecurity: ${level}\` forbids: ${warnings.join('; ')}.`,
    hint: 'Set a lower `podSecurity` in shopctl.yaml, release pods that are fit, run `shopctl cleanup`, then raise it again.',
  })
}
