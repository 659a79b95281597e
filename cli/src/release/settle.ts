// Waits for tasks that run in parallel.
import { afterChange, isFailure } from '../errors.ts'

type Values<T extends readonly unknown[]> = { -readonly [K in keyof T]: Awaited<T[K]> }

/**
 * Waits until every task has ended, then throws the first failure in their order: no task runs on unobserved, and the
 * same mistake is named every time.
 */
export async function settleAll<T extends readonly unknown[] | []>(tasks: T): Promise<Values<T>> {
  return valuesOf(await Promise.allSettled(tasks)) as Values<T>
}

/**
 * The same for tasks that change something. `start` gets what each of them calls after a change: then a refusal of
 * another one is a failure.
 */
export async function settleChanges<T>(
  start: (changed: () => void) => readonly Promise<T>[],
): Promise<{ values: T[]; changed: boolean }> {
  let changed = false
  const results = await Promise.allSettled(
    start(() => {
      changed = true
    }),
  )
  try {
    return { values: valuesOf(results), changed }
  } catch (error) {
    changed ||= results.some((each) => each.status === 'rejected' && isFailure(each.reason))
    throw changed ? afterChange(error) : error
  }
}

/** `run` gets what it calls after each change: a refusal that follows is a failure. */
export async function afterChanges<T>(run: (changed: () => void) => Promise<T>): Promise<T> {
  let isChanged = false
  try {
    return await run(() => {
      isChanged = true
    })
  } catch (error) {
    throw isChanged ? afterChange(error) : error
  }
}

/** All values. Throws the first failure. */
export function valuesOf<T>(results: readonly PromiseSettledResult<T>[]): T[] {
  const broken = results.find((result) => result.status === 'rejected')
  if (broken) throw broken.reason
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
}
