// Waits for what runs side by side.

/** Lets every one come to its end before the first failure is thrown, so that nothing runs on unseen. */
export async function settleAll<T>(tasks: readonly Promise<T>[]): Promise<T[]> {
  return valuesOf(await Promise.allSettled(tasks))
}

/** The values of all; throws the first failure. */
export function valuesOf<T>(results: readonly PromiseSettledResult<T>[]): T[] {
  const broken = results.find((result) => result.status === 'rejected')
  if (broken) throw broken.reason
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
}
