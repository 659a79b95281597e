// What is done at the end of a watch: a breach is rolled back.
import { failed, interrupted, isInterrupted, isRefused, ShopctlError, said } from '../../errors.ts'
import type { Moved } from '../move/move.ts'
import { notLastCode } from '../move/rollback.ts'
import type { Events } from '../ports/events.ts'
import type { Progress } from '../ports/session.ts'
import type { MoveOperation } from '../record.ts'
import { interruptedCode } from '../refusal.ts'
import type { GateRecord, WatchOutcome, WatchRecord } from '../watch-record.ts'
import { breachIn } from './conclude.ts'
import type { Diary } from './diary.ts'
import { pairsOf } from './subject.ts'
import { textOf } from './words.ts'

export interface ActPorts {
  progress: Progress
  events: Events
}

export interface WayBack {
  /** The rollback of this release, and of no other. */
  goBack(release: string, reason: string, services: readonly string[]): Promise<Moved>
}

export interface Watched {
  release: string
  record: WatchRecord
  /** The rollback. null: there was none. */
  back: Moved | null
  /** Why the command does not end well. null: it does. */
  failure: ShopctlError | null
}

/** The end of a watch, before anything is done about it. */
export interface End {
  outcome: WatchOutcome
  note: string | null
  gates: GateRecord[]
}

interface Ended {
  operation: MoveOperation
  diary: Diary
  end: End
}

export async function act(
  ports: ActPorts,
  input: WayBack,
  { operation, diary, end }: Ended,
): Promise<Watched> {
  const { release } = operation
  const { record } = diary
  const { outcome, note, gates } = end
  const breach = outcome === 'breached' ? breachIn(gates) : null
  if (!breach) {
    await diary.end(outcome, note, gates)
    ports.events.emit('watch.ended', { release, outcome, text: note })
    return { release, record, back: null, failure: null }
  }
  const text = textOf(breach)
  const why = `${text}. ${note ?? ''}`.trim()
  await diary.end('breached', why, gates)
  ports.events.emit('watch.breached', { release, cause: 'release', text: why })
  ports.progress.warn(`${release} goes back. ${why}`)
  const names = pairsOf(operation.services).map(({ name }) => name)
  try {
    const back = await input.goBack(release, `watch of ${release}: ${text}`, names)
    await diary.end('breached', `${why}. It went back by ${back.release}`)
    return { release, record, back, failure: wentBack(release, back.release, text) }
  } catch (error) {
    if (isInterrupted(error)) {
      await diary.end('breached', `${why}. Its rollback was interrupted`)
      return { release, record, back: null, failure: stopped(release, error) }
    }
    if (error instanceof ShopctlError && error.code === notLastCode) {
      await diary.end('ended', said(error))
      return { release, record, back: null, failure: null }
    }
    await diary.end('breached', `${why}. It could not go back: ${said(error)}`)
    return { release, record, back: null, failure: notBack(release, text, error) }
  }
}

function wentBack(release: string, by: string, text: string): ShopctlError {
  return failed({
    code: 'rolled-back',
    message: `${release} was rolled back by its watch (${by}). ${text}.`,
    hint: `What was live before is live again. \`shopctl history show ${release}\` has the verdict of each gate.`,
  })
}

/** Nothing was moved only if it was refused, and no other move is open: otherwise nobody knows here what is live. */
function notBack(release: string, text: string, cause: unknown): ShopctlError {
  const { hint = rollbackHint, code = null } = cause instanceof ShopctlError ? cause : {}
  const isLive = isRefused(cause) && code !== interruptedCode
  return failed({
    code: 'not-rolled-back',
    message: `${release} is worse than before: ${text}. It could not be rolled back: ${said(cause)}`,
    hint: isLive ? `It is live. ${hint}` : hint,
    cause,
  })
}

const rollbackHint = '`shopctl rollback` goes back, or completes what has begun.'

function stopped(release: string, { hint = '' }: ShopctlError): ShopctlError {
  const advice = hint === '' ? rollbackHint : `${hint} ${rollbackHint}`
  return interrupted(
    `The rollback of ${release} was interrupted. \`shopctl status\` shows what is live. ${advice}`,
  )
}
