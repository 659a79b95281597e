// What `shopctl status` says of Argo CD and of the config repo.
import {
  type Application,
  type Applications,
  hasFailed,
} from '../../adapters/kubernetes/applications.ts'
import { isInterrupted, said } from '../../errors.ts'
import { oneLine } from '../../one-line.ts'
import type { Observer } from '../../release/ports/cluster.ts'
import type { ByHand, GitopsProblem } from '../../release/ports/config-repo.ts'
import { colors, slotName } from '../../release/slot.ts'
import { type HandPorts, standingByHand } from './by-hand.ts'
import type { Commits } from './commits.ts'
import { emergencyIn, expectedOf, mistakesIn } from './expected.ts'
import { mismatchesOf, mismatchText } from './live.ts'
import { type ArgoOptions, slotApplication } from './manifests.ts'

export interface GitopsStatus {
  /** What Argo CD has not done, or cannot do, and what git says otherwise than the cluster. */
  problems: string[]
  /** What stands now as a person has left it. null: git was not asked, or did not answer. */
  byHand: ByHand[] | null
}

export interface GitopsStatusPorts extends ArgoOptions, HandPorts {
  applications: Pick<Applications, 'list'>
  commits: Pick<Commits, 'read'>
  observer: Pick<Observer, 'pointer'>
  signal: AbortSignal
}

/** Never waits longer than `gitMs` for git. What cannot be read is a problem, too. */
export async function gitopsStatus(ports: GitopsStatusPorts, gitMs = 5_000): Promise<GitopsStatus> {
  const { problems, byHand } = await gitopsProblems(ports, gitMs)
  return { problems: problems.map(({ what }) => what), byHand }
}

/** The same, with what each problem is about. */
export async function gitopsProblems(
  ports: GitopsStatusPorts,
  gitMs = 5_000,
): Promise<Omit<GitopsStatus, 'problems'> & { problems: GitopsProblem[] }> {
  const { problems, isEmergency } = await readApplications(ports)
  // git says something else then, and may be away.
  if (isEmergency) return { problems, byHand: null }
  const { problems: inGit, byHand } = await readGit(ports, gitMs)
  return { problems: [...problems, ...inGit], byHand }
}

const ofAll = { kind: 'wrong', service: null, color: null, application: null } as const

async function readApplications(
  ports: GitopsStatusPorts,
): Promise<{ problems: GitopsProblem[]; isEmergency: boolean }> {
  try {
    const found = await ports.applications.list()
    const mistakes = mistakesIn(found, expectedOf(ports, ports.services), ports)
    const isEmergency = emergencyIn(found) !== null
    const advice = isEmergency ? '' : ' `shopctl gitops init` puts that right.'
    const wrong = mistakes.map(({ message }) => ({ ...ofAll, what: `${message}${advice}` }))
    const said = found.flatMap((each) =>
      problemsOf(each).map((what) => ({ ...ofAll, ...slotOf(ports, each), what })),
    )
    return { problems: [...wrong, ...said], isEmergency }
  } catch (error) {
    return { problems: [unreadable('the Applications', error)], isEmergency: false }
  }
}

/** What an Application is about. */
function slotOf(
  ports: GitopsStatusPorts,
  { name }: Application,
): Pick<GitopsProblem, 'service' | 'color' | 'application'> {
  const slots = ports.services.flatMap((service) => colors.map((color) => ({ service, color })))
  const { service = null, color = null } =
    slots.find((slot) => name === slotApplication(ports, slotName(slot.service, slot.color))) ?? {}
  return { service, color, application: name }
}

async function readGit(ports: GitopsStatusPorts, gitMs: number): ReturnType<typeof gitopsProblems> {
  const { commits, observer, services, signal } = ports
  const limited = AbortSignal.timeout(gitMs)
  const either = AbortSignal.any([signal, limited])
  const problems: GitopsProblem[] = []
  try {
    const { commit, state } = await commits.read(either)
    const mismatches = await mismatchesOf(observer, state, services)
    for (const each of mismatches)
      problems.push({ ...ofAll, service: each.service, what: mismatchText(each) })
    return { problems, byHand: await standingByHand(ports, commit, either) }
  } catch (error) {
    const isLate = limited.aborted && !signal.aborted
    const reason = isLate ? new Error(`no answer within ${gitMs / 1_000} s`) : error
    return { problems: [...problems, unreadable('the config repo', reason)], byHand: null }
  }
}

function unreadable(what: string, error: unknown): GitopsProblem {
  if (isInterrupted(error)) throw error
  return { ...ofAll, kind: 'unread', what: `${what} cannot be read: ${oneLine(said(error))}` }
}

function problemsOf({ name, emergency, complaints, sync, busy, operation }: Application): string[] {
  if (emergency !== null)
    return [
      `${name} does not sync: ${emergency} did without git. The next deploy or move ends that.`,
    ]
  const { problems = [], message = '' } = operation ?? {}
  // Argo CD's complaint says only that something failed.
  const errors = sync === 'OutOfSync' && problems.length > 0 ? problems : complaints
  if (errors.length > 0) return errors.map((each) => `${name}: ${oneLine(each)}`)
  if (sync === 'Synced') return []
  // Of one that runs, it says what that waits for.
  const hasReason = message !== '' && (busy || hasFailed(operation))
  return [hasReason ? `${name}: ${oneLine(message)}` : `${name} is ${sync}`]
}
