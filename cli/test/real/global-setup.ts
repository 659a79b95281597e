// Each run begins with nothing: what an earlier one left may be of another version of this tree.
import { freshEnvironment } from './shop.ts'

/** SHOPCTL_TEST_KEEP saves the minute it takes to start, while a test is being written. */
export async function setup(): Promise<void> {
  if (!process.env.SHOPCTL_TEST_KEEP) await freshEnvironment()
}
