// Which release is watched, and for how long. Pure.
import { notLastCode } from '../move/rollback.ts'
import { currentRelease, type Journal, type MoveOperation, movesOf, openMove } from '../record.ts'
import { interruptedCode, type Refusal, refuse, waysOut } from '../refusal.ts'
import type { WatchRecord } from '../watch-record.ts'
import type { Moved } from './ask.ts'
import { isAlive } from './diary.ts'

/** The services that have a way back. */
export function pairsOf(services: MoveOperation['services']): Moved[] {
  return services.flatMap(({ name, from, to }) => (from && to ? [{ name, from, to }] : []))
}

/** The operation to watch. */
export function subjectOf(journal: Journal, id: string | null, now: Date): MoveOperation | Refusal {
  const open = openMove(journal)
  if (open)
    return refuse(
      interruptedCode,
      `The ${open.verb} ${open.release} of ${open.by} (${open.startedAt}) has not ended, so there is nothing to watch yet.`,
      `Wait for its end. If it was interrupted: ${waysOut(open)}`,
    )
  const last = currentRelease(journal)
  const found = movesOf(journal).find(({ release }) => release === (id ?? last))
  if (found?.release !== last || found?.verb !== 'switch')
    return refuse(
      notLastCode,
      id === null
        ? 'The last move is no switch, so there is nothing to watch.'
        : `${id} is not what was switched last, so there is nothing to watch.`,
      'Run `shopctl status` to see what is live.',
    )
  if (pairsOf(found.services).length === 0)
    return refuse(
      'no-way-back',
      `Nothing was live before ${found.release}, so it could not go back.`,
      'Run `shopctl status` to see how it does.',
    )
  if (found.watch && isAlive(found.watch, now))
    return refuse(
      'watched-already',
      `${found.release} is watched already, until ${found.watch.until}.`,
      'Wait for its end: `shopctl status` shows it.',
    )
  return found
}

/** How long it is watched, in milliseconds. */
export function leftOf(
  { release, watch }: MoveOperation,
  { forMs, usualMs }: { forMs: number | null; usualMs: number },
  now: Date,
): { ms: number } | Refusal {
  if (forMs !== null) return { ms: forMs }
  if (!watch) return { ms: usualMs }
  const left = Date.parse(watch.until) - now.getTime()
  return left > 0
    ? { ms: left }
    : refuse(
        'watch-over',
        `The time to watch ${release} was over at ${watch.until}.`,
        `Run \`${watchCommand(release, watch, now)}\` to watch it anew.`,
      )
}

/** The command that starts a watch again. */
export function watchCommand(release: string, { until }: WatchRecord, now: Date): string {
  return `shopctl watch ${release}${Date.parse(until) > now.getTime() ? '' : ' --for 5m'}`
}
