// What deploy says before it begins, and how to go on when it stops in the middle.
import { isInterrupted } from '../../errors.ts'
import type { Pods } from '../ports/cluster.ts'
import { lostWaysBack } from '../standby.ts'
import { liveSlotOf } from '../state.ts'
import { findUnready, unreadyText } from '../unready.ts'
import { untouched } from './await-ready.ts'
import { capacityLines } from './plan.ts'
import type { Prepared } from './prepare.ts'
import { tidyText } from './tidy.ts'

/** What is going to change apart from the standby slots, which slots are not ready, and what is lost. */
export async function notesOf(
  ports: { pods: Pods },
  { state, plan, writes, tidies, changes }: Prepared,
): Promise<string[]> {
  const services = plan.steps.map(({ service }) => service)
  const unready = await findUnready(ports, state, services)
  return [
    ...writes
      .filter(({ service, shared }) => shared && liveSlotOf(state, service))
      .map(({ service }) => `${service}: its two Services change as well, for the live slot too`),
    ...plan.steps.flatMap(capacityLines),
    ...writes
      .filter(({ service }) => changes[service]?.includes('secrets'))
      .map(
        ({ service }) =>
          `${service}: its Secrets or ConfigMaps changed since its live slot was deployed`,
      ),
    ...unready.map(unreadyText),
    ...tidies.map(tidyText),
    ...lostWaysBack(state, 'deploy writes over', writes),
  ]
}

/** After a failure or Ctrl-C in the middle. `again` is the command that goes on. */
export function howToGoOn({ state, writes }: Prepared, error: unknown, again: string): string {
  const lines: string[] = []
  const services = writes.map(({ service }) => service).join()
  if (isInterrupted(error) && services !== '') {
    const names = writes.map(({ service, color }) => `${service} ${color}`).join(', ')
    lines.push(
      untouched,
      `${names} may be incomplete: \`${again} --service ${services}\` completes it,`,
      `\`shopctl cleanup --service ${services}\` deletes it.`,
    )
  }
  if (lostWaysBack(state, '', writes).length > 0)
    lines.push(
      'The target of `shopctl rollback` is written over;',
      '`shopctl deploy` in the work tree of what is live puts it back.',
    )
  return lines.join(' ')
}
