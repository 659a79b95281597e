// Whether the pods of a slot can log in anew. A slot that cannot is no target, however ready its open connections look.
import { refused } from '../../errors.ts'
import type { Login, PodReport, Pods } from '../ports/cluster.ts'
import type { Progress } from '../ports/session.ts'
import { noLogin } from '../refusal.ts'
import { type Move, slotName, type Target, targetOf } from '../slot.ts'

/** Why a slot cannot log in, by `<service>-<color>`. */
export type NoLogin = Readonly<Record<string, string>>

interface LoginPorts {
  pods: Pods
  progress: Progress
}

/** The targets of these moves that cannot log in. */
export async function findNoLogin(ports: LoginPorts, moves: readonly Move[]): Promise<NoLogin> {
  const found = await Promise.all(
    moves.map(async ({ name, from, to }): Promise<[string, string][]> => {
      const login = to && (await loginNow(ports, name, targetOf(to)))
      if (!login || login.state === 'ok') return []
      const problem = login.problem ?? login.state
      const who = slotName(name, to.color)
      if (login.state === 'refused') return [[who, problem]]
      // What is away for both slots is no reason to stay on one of them.
      const live = from && (await loginNow(ports, name, targetOf(from)))
      if (live?.state === 'ok') return [[who, problem]]
      ports.progress.warn(`${name} ${to.color} cannot log in now: ${problem}`)
      return []
    }),
  )
  return Object.fromEntries(found.flat())
}

/** Refuses moves to slots that cannot log in. */
export async function requireLogins(ports: LoginPorts, moves: readonly Move[]): Promise<void> {
  const problems = await findNoLogin(ports, moves)
  for (const { name, to } of moves) {
    const problem = to && problems[slotName(name, to.color)]
    if (!problem) continue
    const hint = `Correct its Secret or the server, then run \`shopctl release --service ${name}\`.`
    throw refused(noLogin(name, to.color, problem, hint))
  }
}

/** null: no pod reports it. */
async function loginNow({ pods }: LoginPorts, name: string, target: Target): Promise<Login | null> {
  if (!pods.reports(name)) return null
  const names = await pods.list(name, target)
  const reports = await Promise.all(
    // A pod that does not answer is noticed when its slot does not take over.
    names.map((pod) => pods.report(name, pod, { login: 'now' }).catch(() => null)),
  )
  return worstLogin(reports.map((report) => report?.login ?? null))
}

/** null: none is known. */
export function worstLogin(logins: readonly (Login | null)[]): Login | null {
  const known = logins.filter((login) => login !== null)
  const of = (state: Login['state']) => known.find((login) => login.state === state)
  return of('refused') ?? of('unreachable') ?? of('ok') ?? null
}

/** Of the latest tries on both planes. */
export function loginOf(reports: readonly (PodReport | null)[]): Login | null {
  const named = (plane: string, login: Login | null | undefined): Login | null =>
    login ? { ...login, problem: login.problem && `${plane} plane: ${login.problem}` } : null
  return worstLogin(
    reports.flatMap((report) => [
      named('live', report?.login),
      named('preview', report?.preview?.login),
    ]),
  )
}
