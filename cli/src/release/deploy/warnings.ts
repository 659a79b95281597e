// What the migration Job warns of: lines of its log that begin with `warning: `.
import type { Pods, Rollout } from '../ports/cluster.ts'
import type { Progress } from '../ports/session.ts'

const prefix = 'warning: '

export async function showWarnings(
  { pods, progress }: { pods: Pods; progress: Progress },
  service: string,
  { job }: Pick<Rollout, 'job'>,
): Promise<void> {
  const pod = job?.pods.at(-1)
  const [container] = pod?.containers ?? []
  if (!pod || !container) return
  // The slot is ready. A log that cannot be read does not change that.
  const log = await pods
    .logs(pod.name, container.name, { lines: 100, previous: false })
    .catch(() => '')
  const lines = log.split('\n').filter((line) => line.startsWith(prefix))
  for (const line of lines) progress.warn(`${service}: ${line.slice(prefix.length)}`)
}
