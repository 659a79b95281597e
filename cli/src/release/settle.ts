// Waits for tasks that run in parallel.

/** Waits until every task has ended, then throws the first failure: no task runs on unobserved. */
export async function settleAll<T>(tasks: readonly Promise<T>[]): Promise<T[]> {
  return valuesOf(await Promise.allSettled(tasks))
}

/** All values. Throws the first failure. */
export function valuesOf<T>(results: readonly PromiseSettledResult<T>[]): T[] {
  const broken = results.find((result) => result.status === 'rejected')
  if (broken) throw broken.reason
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
}
