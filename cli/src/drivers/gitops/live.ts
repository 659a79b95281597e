// Whether git says of the Services what the cluster does. It does not after a force-push, and until Argo CD has carried
// out what somebody has moved in git. A commit on top of that would move the Services where no plan has expected it.
import { refused, type ShopctlError } from '../../errors.ts'
import type { Observer } from '../../release/ports/cluster.ts'
import { sameTarget, type Target } from '../../release/slot.ts'
import type { ConfigState } from './read.ts'

/** What a stable Service selects. */
interface Selected {
  target: Target | null
  release: string | null
}

/** A stable Service of which git and the cluster say different things. */
export interface Mismatch {
  service: string
  git: Selected
  cluster: Selected
}

/** A Service that is missing is no mismatch: Argo CD makes it as git says. */
export async function mismatchesOf(
  observer: Pick<Observer, 'pointer'>,
  { services }: Pick<ConfigState, 'services'>,
  names: readonly string[],
): Promise<Mismatch[]> {
  const found = await Promise.all(
    names.map(async (service): Promise<Mismatch[]> => {
      const cluster = await observer.pointer(service, 'stable')
      const { stable = null } = services[service] ?? {}
      if (!cluster || sameTarget(stable, cluster.target)) return []
      return [{ service, git: { target: stable, release: stable?.release ?? null }, cluster }]
    }),
  )
  return found.flat()
}

/** Refused if there are any. */
export async function requireSame(...of: Parameters<typeof mismatchesOf>): Promise<void> {
  const mismatches = await mismatchesOf(...of)
  if (mismatches.length > 0) throw gitDiffers(mismatches)
}

export function gitDiffers(mismatches: readonly Mismatch[]): ShopctlError {
  return refused({
    code: 'config-repo-differs',
    message: `The config repo does not say what is live. ${mismatches.map(mismatchText).join('. ')}.`,
    hint: 'If somebody moved it in git, wait until Argo CD has carried that out. If a force-push has removed a commit, push that back, or run `shopctl rollback`: git then says what it makes live.',
  })
}

export function mismatchText({ service, git, cluster }: Mismatch): string {
  return `${service}: git says ${selectedText(git)}, the cluster ${selectedText(cluster)}`
}

/** Two slots of one color differ by revision. */
function selectedText({ target, release }: Selected): string {
  if (!target) return 'no slot'
  return `${target.color} (${[target.revision, ...(release === null ? [] : [release])].join(', ')})`
}
