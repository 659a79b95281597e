// Waits for what runs side by side.

/** Lets every one come to its end before the first failure is thrown, so that nothing runs on unseen. */
export async function settleAll<T>(tasks: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(tasks)
  const broken = results.find((result) => result.status === 'rejected')
  if (broken) throw broken.reason
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
}
