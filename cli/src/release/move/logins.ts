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

/** The targets of these moves that cannot log in, where the live slot can. */
export async function findNoLogin(ports: LoginPorts, moves: readonly Move[]): Promise<NoLogin> {
  const found = await Promise.all(
    moves.map(async ({ name, from, to }): Promise<[string, string][]> => {
      const [login, live] = await Promise.all(
        [to, from].map(async (side) => side && loginNow(ports, name, targetOf(side))),
      )
      if (!to || !login || login.state === 'ok') return []
      const problem = login.problem ?? login.state
      // What fails for both slots is no reason to stay on one of them.
      const isBlocked = from ? live?.state === 'ok' : login.state === 'refused'
      if (isBlocked) return [[slotName(name, to.color), problem]]
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

/** null: no pod reports it. A slot whose pods cannot be asked is noticed when it does not take over. */
async function loginNow({ pods }: LoginPorts, name: string, target: Target): Promise<Login | null> {
  if (!pods.reports(name)) return null
  const names = await pods.list(name, target).catch(() => [])
  const reports = await Promise.all(
    names.map((pod) => pods.report(name, pod, { login: 'now' }).catch(() => null)),
  )
  const logins = reports.map((report) => report?.login ?? null)
  // One pod that is slow once says nothing about the server. A refusal does.
  const isSlow = ({ state }: Login): boolean => state === 'unreachable'
  const reached = logins.filter((login) => login !== null && !isSlow(login))
  return worstLogin(reached.length > 0 ? reached : logins)
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
