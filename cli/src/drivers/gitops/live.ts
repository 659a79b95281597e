// Whether git says of the Services what the cluster does. It does not after a force-push, and until Argo CD has carried
// out what somebody has moved in git. A commit on top of that would move the Services where no plan has expected it.
import { refused, type ShopctlError } from '../../errors.ts'
import type { Observer } from '../../release/ports/cluster.ts'
import { sameTarget, type Target } from '../../release/slot.ts'
import type { ConfigState } from './read.ts'

/** What a stable Service selects. */
interface Side {
  target: Target | null
  release: string | null
}

/** A stable Service of which git and the cluster say different things. */
export interface Difference {
  service: string
  git: Side
  cluster: Side
}

/** A Service that is missing is no difference: Argo CD makes it as git says. */
export async function differencesOf(
  observer: Pick<Observer, 'pointer'>,
  { services }: Pick<ConfigState, 'services'>,
  names: readonly string[],
): Promise<Difference[]> {
  const found = await Promise.all(
    names.map(async (service): Promise<Difference[]> => {
      const cluster = await observer.pointer(service, 'stable')
      const { stable = null } = services[service] ?? {}
      if (!cluster || sameTarget(stable, cluster.target)) return []
      return [{ service, git: { target: stable, release: stable?.release ?? null }, cluster }]
    }),
  )
  return found.flat()
}

/** Refused if there are any. */
export async function requireSame(...of: Parameters<typeof differencesOf>): Promise<void> {
  const differences = await differencesOf(...of)
  if (differences.length > 0) throw gitDiffers(differences)
}

export function gitDiffers(differences: readonly Difference[]): ShopctlError {
  return refused({
    code: 'config-repo-differs',
    message: `The config repo does not say what is live. ${differences.map(differenceText).join('. ')}.`,
    hint: 'If somebody moved it in git, wait until Argo CD has carried that out. If a force-push has removed a commit, push that back, or run `shopctl rollback`: git then says what it makes live.',
  })
}

export function differenceText({ service, git, cluster }: Difference): string {
  return `${service}: git says ${sideText(git)}, the cluster ${sideText(cluster)}`
}

/** Two slots of one color differ by revision. */
function sideText({ target, release }: Side): string {
  if (!target) return 'no slot'
  return `${target.color} (${[target.revision, ...(release === null ? [] : [release])].join(', ')})`
}
