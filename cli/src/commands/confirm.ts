// Asks for a confirmation in a protected environment.
import type { Context } from '../context.ts'
import { refused } from '../errors.ts'
import { confirm } from '../output/confirm.ts'

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
  if (await confirm(`${verb} ${services.join(', ')} in ${env}?`, signal)) return
  throw refused({
    code: 'not-confirmed',
    message: `${env} is protected, and the ${verb} was not confirmed.`,
    hint: 'Answer y at a terminal, or add `--yes` to the same command.',
  })
}
