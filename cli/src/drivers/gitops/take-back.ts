// Takes back in git what a switch has pushed, and did not carry out.
import type { Owner } from '../../adapters/kubernetes/applications.ts'
import { failed, said } from '../../errors.ts'
import { notTakenBack } from '../../release/ports/driver.ts'
import { sameTarget } from '../../release/slot.ts'
import type { MoveInput } from './changes.ts'
import type { Change, Commits } from './commits.ts'
import { servicesFolder } from './layout.ts'
import { servicesApplication } from './manifests.ts'
import { type PatientPorts, trying } from './patience.ts'
import type { ConfigState } from './read.ts'
import { endOthers } from './sync.ts'

export interface TakeBackPorts extends PatientPorts, Owner {
  commits: Commits
}

/** A Service in git: what it said before, or what serves, and what the switch says. */
export interface Step {
  was: MoveInput
  is: MoveInput
}

/** What git says of a Service. */
export function saidIn(
  { services }: ConfigState,
  { service, which }: Pick<MoveInput, 'service' | 'which'>,
): Pick<MoveInput, 'to' | 'release'> {
  const { stable = null, preview = null } = services[service] ?? {}
  if (which === 'preview') return { to: preview, release: null }
  return { to: stable, release: stable?.release ?? null }
}

/** What somebody else has changed since stays. Writes no Service, so it needs no lock. */
export async function takeBack(
  ports: TakeBackPorts,
  steps: readonly Step[],
  problem: unknown,
): Promise<void> {
  const { commits, env, signal } = ports
  const bases = new Set<string | null>()
  const undo = ({ commit, state }: { commit: string; state: ConfigState }): Change => {
    const ours = oursIn(state, steps)
    if (ours.length > 0) bases.add(commit)
    const moves = ours
      .filter(({ was }) => was.which === steps[0]?.was.which)
      .map(({ was: { service, to: back }, is: { to } }) => ({
        service,
        from: to?.color ?? null,
        to: back?.color ?? null,
      }))
    return { deed: { operation: 'undo', moves }, release: null, moves: ours.map(({ was }) => was) }
  }
  try {
    const taken = await commits.write(undo, { depends: [servicesFolder(env)] })
    // Git has nothing of it, so Argo CD carries out nothing of it.
    if (bases.size === 0) return
    // If the lock is lost, another command may have begun an operation: only that of the switch is ended.
    const isOther = signal.aborted ? (revision: string | null) => bases.has(revision) : undefined
    const name = servicesApplication(ports)
    await trying(ports, name, () => endOthers(ports, name, taken, isOther))
  } catch (error) {
    throw failed({
      code: notTakenBack,
      message: `${said(problem)}\nThe config repo may still say that it moves: ${said(error)}`,
      hint: 'Run `shopctl rollback`: it takes that back.',
      cause: error,
    })
  }
}

/** Another release may have moved a Service to the same slot. Its preview is then that release's too. */
function oursIn(state: ConfigState, steps: readonly Step[]): Step[] {
  const isOurs = ({ is }: Step): boolean => {
    const { to, release } = saidIn(state, is)
    const isMarked = is.which === 'preview' || is.to === null || release === is.release
    return sameTarget(to, is.to) && isMarked
  }
  const others = steps.filter((step) => step.is.which === 'stable' && !isOurs(step))
  return steps.filter(
    (step) => isOurs(step) && !others.some(({ is }) => is.service === step.is.service),
  )
}
