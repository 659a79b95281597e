// Waits for a dependency, and says with the cluster's own words why it does not come up.
import { failed, ShopctlError } from '../../errors.ts'
import type { Pods, Rollout } from '../ports/cluster.ts'
import type { Clock } from '../ports/session.ts'
import { untouched } from './await-ready.ts'
import { complaintLines, createJudge } from './rollout.ts'

export interface WordsPorts {
  pods: Pods
  clock: Clock
  signal: AbortSignal
}

/** Longer than any wait that it goes along with. */
const watchMs = 2_000_000_000

/** Ends `run` when the dependency is hopeless. Adds the cluster's words when `run` fails. */
export async function withWords<T>(
  { pods, clock, signal }: WordsPorts,
  name: string,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const done = new AbortController()
  const hopeless = new AbortController()
  const seen: Rollout[] = []
  const judge = createJudge(clock.monotonic)
  const watching = pods
    .awaitRelease(
      name,
      (rollout) => {
        seen[0] = rollout
        const verdict = judge(rollout)
        return verdict?.kind === 'broken' ? verdict : null
      },
      { timeoutMs: watchMs, signal: AbortSignal.any([signal, done.signal]) },
    )
    .then((problem) => {
      if (problem) hopeless.abort(problem.what)
    })
    // The wait itself goes on without the words.
    .catch(() => {})
  try {
    return await run(AbortSignal.any([signal, hopeless.signal]))
  } catch (error) {
    if (signal.aborted) throw error
    if (hopeless.signal.aborted) throw broken(name, String(hopeless.signal.reason))
    throw withLines(error, seen[0] ? complaintLines(seen[0]) : [])
  } finally {
    done.abort()
    await watching
  }
}

function broken(name: string, what: string): Error {
  return failed({
    code: 'dependency-broken',
    message: `${name}: ${what}`,
    hint: `${untouched} Fix the cause and run \`shopctl deploy\` again.`,
  })
}

function withLines(error: unknown, lines: readonly string[]): unknown {
  const fresh = [...new Set(lines)].filter((line) => !String(error).includes(line)).slice(0, 8)
  if (!(error instanceof ShopctlError) || fresh.length === 0) return error
  const { kind, code, message, hint, cause } = error
  return new ShopctlError(kind, {
    code,
    message: [message, ...fresh].join('\n'),
    ...(hint !== undefined && { hint }),
    cause,
  })
}
