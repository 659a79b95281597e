// In a protected environment whatever changes something is asked for.
import type { Context } from '../context.ts'
import { refused } from '../errors.ts'
import { confirm } from '../output/confirm.ts'

/** What every command takes that changes something. */
export interface ChangeInput {
  /** For the records. */
  reason: string | null
  /** Needs no confirmation in a protected environment. */
  yes: boolean
}

/** Before the lock is taken: nobody should wait for somebody's answer. */
export async function confirmChange(context: Context, verb: string, yes: boolean): Promise<void> {
  const { environment, env, services, signal } = context
  if (!environment.protected || yes) return
  if (await confirm(`${verb} ${services.join(', ')} in ${env}?`, signal)) return
  throw refused({
    code: 'not-confirmed',
    message: `${env} is protected, and the ${verb} was not confirmed.`,
    hint: `Answer y at a terminal, or run \`shopctl ${verb} --env ${env} --yes\`.`,
  })
}
