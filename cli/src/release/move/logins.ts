// Whether the pods of a slot can log in anew. A slot that cannot is no target, however ready its open connections look.
import { refused } from '../../errors.ts'
import type { Login, PodReport, Pods } from '../ports/cluster.ts'
import type { Progress } from '../ports/session.ts'
import { noLogin, type Refusal } from '../refusal.ts'
import { type Move, slotName, type Target, targetOf } from '../slot.ts'

/** Why a slot cannot log in, by `<service>-<color>`. */
export type NoLogin = Readonly<Record<string, string>>

interface LoginPorts {
  pods: Pods
  progress: Progress
}

type Reports = readonly (PodReport | null)[]

/** What the pods of both slots of a move say after a new login. null: they report nothing. */
export interface Asked {
  to: Reports | null
  from: Reports | null
}

/** By service. Slots whose pods cannot be listed have no reports: that is noticed when a slot does not take over. */
export async function askMoves(
  ports: Pick<LoginPorts, 'pods'>,
  moves: readonly Move[],
): Promise<Record<string, Asked>> {
  const asked = moves.map(async ({ name, from, to }): Promise<[string, Asked]> => {
    const [after, before] = await Promise.all(
      [to, from].map(async (side) => side && askNow(ports, name, targetOf(side))),
    )
    return [name, { to: after ?? null, from: before ?? null }]
  })
  return Object.fromEntries(await Promise.all(asked))
}

/** The targets that cannot log in where the live slot can, and a line for each of the others that cannot. */
export function judgeLogins(
  moves: readonly Move[],
  asked: Readonly<Record<string, Asked>>,
): { blocked: NoLogin; notes: string[] } {
  const blocked: Record<string, string> = {}
  const notes: string[] = []
  for (const { name, from, to } of moves) {
    const login = nowOf(asked[name]?.to ?? null)
    if (!to || !login || login.state === 'ok') continue
    const problem = login.problem ?? login.state
    // What fails for both slots is no reason to stay on one of them.
    const isBlocked = from
      ? nowOf(asked[name]?.from ?? null)?.state === 'ok'
      : login.state === 'refused'
    if (isBlocked) blocked[slotName(name, to.color)] = problem
    else notes.push(`${name} ${to.color} cannot log in now: ${problem}`)
  }
  return { blocked, notes }
}

/** The targets of these moves that cannot log in, where the live slot can. */
export async function findNoLogin(ports: LoginPorts, moves: readonly Move[]): Promise<NoLogin> {
  const { blocked, notes } = judgeLogins(moves, await askMoves(ports, moves))
  for (const line of notes) ports.progress.warn(line)
  return blocked
}

/** null: each target can log in, or nothing is better. */
export function refuseLogins(moves: readonly Move[], problems: NoLogin): Refusal | null {
  for (const { name, to } of moves) {
    const problem = to && problems[slotName(name, to.color)]
    if (!problem) continue
    const hint = `Correct its Secret or the server, then run \`shopctl release --service ${name}\`.`
    return noLogin(name, to.color, problem, hint)
  }
  return null
}

/** Refuses moves to slots that cannot log in. */
export async function requireLogins(ports: LoginPorts, moves: readonly Move[]): Promise<void> {
  const refusal = refuseLogins(moves, await findNoLogin(ports, moves))
  if (refusal) throw refused(refusal)
}

/** null: no pod reports. */
async function askNow(
  { pods }: Pick<LoginPorts, 'pods'>,
  name: string,
  target: Target,
): Promise<Reports | null> {
  if (!pods.reports(name)) return null
  const names = await pods.list(name, target).catch(() => [])
  return Promise.all(names.map((pod) => pods.report(name, pod, { login: 'now' }).catch(() => null)))
}

/** null: no pod reports its logins. */
function nowOf(reports: Reports | null): Login | null {
  const logins = reports?.map((report) => report?.login ?? null) ?? []
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
