// Each run begins with nothing: what an earlier one left may be of another version of this tree.
import { platform, stack } from './observability.ts'
import { freshEnvironment, kubectlOk } from './shop.ts'

/** SHOPCTL_TEST_KEEP saves the minute it takes to start, while a test is being written. */
export async function empty(): Promise<void> {
  if (!process.env.SHOPCTL_TEST_KEEP) await freshEnvironment()
}

/** The faults of these tests fire alerts, which would hold up the releases after them: a Prometheus of the user's rests. */
export default async function setup(): Promise<() => Promise<void>> {
  const { with: added } = JSON.parse(await platform('status', '--json')) as { with: string[] }
  const scale = async (replicas: number) => {
    const prometheus = ['statefulset', 'prometheus', `--namespace=${stack}`]
    if (added.includes(stack)) await kubectlOk('scale', ...prometheus, `--replicas=${replicas}`)
  }
  await Promise.all([empty(), scale(0)])
  return () => scale(1)
}
