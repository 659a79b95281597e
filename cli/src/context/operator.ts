// Who runs a command, and which run of CI.
import { hostname, userInfo } from 'node:os'
import type { Operator } from '../release/ports/session.ts'

type Environment = NodeJS.ProcessEnv

/** `readUser` is like os.userInfo, which throws for a uid without an entry in /etc/passwd. */
export function currentOperator(
  env: Environment = process.env,
  readUser: () => { username: string } = userInfo,
): Operator {
  return { by: actorOf(env) ?? `${userName(env, readUser)}@${hostname()}`, run: runOf(env) }
}

/** In a workflow, the user and the host are those of the runner and say nothing. */
function actorOf(env: Environment): string | null {
  const actor = env.GITHUB_TRIGGERING_ACTOR || env.GITHUB_ACTOR
  if (env.GITHUB_ACTIONS !== 'true' || !actor) return null
  return `${actor}@${URL.parse(env.GITHUB_SERVER_URL ?? '')?.host ?? 'github.com'}`
}

/** A run that is started again has the same id, and one more attempt. */
function runOf(env: Environment): string | null {
  const { GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID, GITHUB_RUN_ATTEMPT } = env
  if (!GITHUB_SERVER_URL || !GITHUB_REPOSITORY || !GITHUB_RUN_ID) return null
  const again = Number(GITHUB_RUN_ATTEMPT) > 1 ? `/attempts/${GITHUB_RUN_ATTEMPT}` : ''
  return `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}${again}`
}

function userName(env: Environment, readUser: () => { username: string }): string {
  try {
    return readUser().username
  } catch {
    return env.USER || `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
