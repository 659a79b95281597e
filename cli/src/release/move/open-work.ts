// What work was open before a move and after it, and by which slot it was finished.
import type { Pods } from '../ports/cluster.ts'
import type { OpenWork } from '../ports/open-work.ts'
import type { Clock } from '../ports/session.ts'
import type { Move } from '../slot.ts'
import { asTarget } from './pointers.ts'

const tallyFields = ['openBefore', 'finishedByOld', 'finishedByNew', 'openAfter'] as const

/** All are numbers of pieces of work, such as orders. */
export interface OpenTally {
  /** Open at the first write. */
  openBefore: number
  /** Of these: finished since by the slot before, and by the new one. */
  finishedByOld: number
  finishedByNew: number
  /** Open at the end of the move, begun before it or since. */
  openAfter: number
}

interface OpenWorkPorts {
  pods: Pods
  clock: Clock
}

const lateSeconds = 30
/** A pod that does not answer takes a second, and the move is not recorded until then. */
const mostAsked = 3

/**
 * One for each move, empty where nobody tells it. `writtenAt`: of the first write, by the monotonic clock. All pods of a
 * service count in the same database, so one is asked, and another one where it does not answer.
 */
export async function openTallies(
  ports: OpenWorkPorts,
  moves: readonly Move[],
  writtenAt: number,
): Promise<Partial<OpenTally>[]> {
  return Promise.all(
    moves.map(async (each) => {
      if (!ports.pods.tellsOpenWork(each.name)) return {}
      const work = await ask(ports, each, writtenAt).catch(() => null)
      return work ? tallyOf(each, work) : {}
    }),
  )
}

async function ask(
  { pods, clock }: OpenWorkPorts,
  { name, to }: Move,
  writtenAt: number,
): Promise<OpenWork | null> {
  const target = asTarget(to)
  const names = target ? await pods.list(name, target) : []
  for (const pod of names.slice(0, mostAsked)) {
    const ago = (clock.monotonic() - writtenAt) / 1_000
    const work = await pods.openWork(name, pod, { ago, late: lateSeconds }).catch(() => null)
    if (work) return work
  }
  return null
}

export function tallyOf(
  { from, to }: Pick<Move, 'from' | 'to'>,
  { open, before: { open: openBefore, finished } }: OpenWork,
): OpenTally {
  const finishedBy = (side: Move['from']): number => (side && finished[side.color]) ?? 0
  return {
    openBefore,
    finishedByOld: finishedBy(from),
    finishedByNew: finishedBy(to),
    openAfter: open,
  }
}

/** Whether this field of a recorded proof is one of the tally. */
export function isTallied(field: string): boolean {
  return tallyFields.some((each) => each === field)
}

/** null: the proof has none. */
export function tallyIn(proof: { [Field in keyof OpenTally]?: unknown }): OpenTally | null {
  const { openBefore, finishedByOld, finishedByNew, openAfter } = proof
  return typeof openBefore === 'number' &&
    typeof finishedByOld === 'number' &&
    typeof finishedByNew === 'number' &&
    typeof openAfter === 'number'
    ? { openBefore, finishedByOld, finishedByNew, openAfter }
    : null
}

/** `order: 12 open before, 3 finished by blue, 8 by green; 2 open after`. null: there is no tally, or nothing was open. */
export function tallyText(
  { name, from, to }: Move,
  proof: { [Field in keyof OpenTally]?: unknown } = {},
): string | null {
  const tally = tallyIn(proof)
  if (!tally) return null
  const { openBefore, finishedByOld, finishedByNew, openAfter } = tally
  if (openBefore === 0 && openAfter === 0) return null
  const byOld = from ? `${finishedByOld} finished by ${from.color}, ` : ''
  const byNew = `${finishedByNew} ${from ? 'by' : 'finished by'} ${to?.color ?? 'no slot'}`
  return `${name}: ${openBefore} open before, ${byOld}${byNew}; ${openAfter} open after`
}
