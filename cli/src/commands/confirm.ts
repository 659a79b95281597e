// Asks for a confirmation in a protected environment.
import type { Context } from '../context.ts'
import { refused } from '../errors.ts'
import { confirm } from '../output/confirm.ts'
import { observe } from '../release/observe.ts'
import { lostWaysBack } from '../release/standby.ts'
import { standbyColor } from '../release/state.ts'

/** The input of a command that takes the lock. */
export interface LockInput {
  /** How long to wait for whoever holds the lock. null: as the command does by itself. */
  lockWaitMs: number | null
}

/** The input of a command that a freeze refuses. */
export interface FreezeInput {
  /** Goes on during a freeze. The reason says why. */
  overrideFreeze: boolean
}

/** The input that the changing commands share. */
export interface ChangeInput {
  /** Kept in the journal. */
  reason: string | null
  /** Skip the confirmation. */
  yes: boolean
}

/** Call it before taking the lock: other commands must not wait for the answer. */
export async function confirmChange(context: Context, verb: string, yes: boolean): Promise<void> {
  const { environment, env, services, signal } = context
  if (!environment.protected || yes) return
  for (const line of process.stdin.isTTY ? await lossesOf(context, verb) : [])
    context.progress.note(line)
  if (await confirm(`${verb} ${services.join(', ')} in ${env}?`, signal)) return
  throw refused({
    code: 'not-confirmed',
    message: `${env} is protected, and \`${verb}\` was not confirmed.`,
    hint: 'Answer y at a terminal, or add `--yes` to the same command.',
  })
}

const losing: Readonly<Record<string, string>> = {
  deploy: 'deploy may write over',
  release: 'release may write over',
  cleanup: 'cleanup deletes',
}

/** The ways back that are lost by it. */
async function lossesOf(context: Context, verb: string): Promise<string[]> {
  const does = losing[verb]
  if (!does) return []
  const state = await observe(await context.cluster())
  const standbys = context.services.flatMap((service) => {
    const now = state.services[service]
    return now ? [{ service, color: standbyColor(now) }] : []
  })
  return lostWaysBack(state, does, standbys)
}
