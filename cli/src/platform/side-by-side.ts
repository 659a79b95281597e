// Runs jobs at the same time under one announced step.
import type { Progress } from '../output/progress.ts'

export type Job = (say: (detail: string) => void) => Promise<unknown>

/** Shows the last detail of each running job. If one fails, waits for the others before it throws. */
export function sideBySide(
  progress: Progress,
  title: string,
  jobs: Readonly<Record<string, Job>>,
): Promise<void> {
  return progress.step(title, async (say) => {
    const details = new Map<string, string>()
    const show = (): void =>
      say([...details].map(([name, detail]) => `${name}: ${detail}`).join(' · '))
    const outcomes = await Promise.allSettled(
      Object.entries(jobs).map(async ([name, job]) => {
        details.set(name, 'starting')
        await job((detail) => {
          details.set(name, detail)
          show()
        })
        details.delete(name)
        show()
      }),
    )
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  })
}
