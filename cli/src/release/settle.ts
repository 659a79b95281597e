// Waits for tasks that run in parallel.

type Values<T extends readonly unknown[]> = { -readonly [K in keyof T]: Awaited<T[K]> }

/**
 * Waits until every task has ended, then throws the first failure in their order: no task runs on unobserved, and the
 * same mistake is named every time.
 */
export async function settleAll<T extends readonly unknown[] | []>(tasks: T): Promise<Values<T>> {
  return valuesOf(await Promise.allSettled(tasks)) as Values<T>
}

/** All values. Throws the first failure. */
export function valuesOf<T>(results: readonly PromiseSettledResult<T>[]): T[] {
  const broken = results.find((result) => result.status === 'rejected')
  if (broken) throw broken.reason
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
}
