// Announces the secrets of this run to GitHub's runner, which then writes *** for them in all later output of the job.
import type { Mask } from '../release/ports/session.ts'
import { currentWorkflow, escaped, type Workflow } from './workflow.ts'

/**
 * A shorter one would turn half of the log into stars, and GitHub drops an output that has a secret in it. The runner's
 * own limit for parts of a secret.
 */
const shortest = 6

/** Outside of a workflow, it does nothing. */
export function createMask(
  workflow: Workflow | null = currentWorkflow,
  // The runner reads commands from both streams, and stdout may be read by another program.
  err: { write(text: string): unknown } = process.stderr,
): Mask {
  const known = new Set<string>()
  return (value) => {
    if (!workflow) return
    // The runner looks at one line after the other, and so would find no secret of several lines.
    for (const line of value.split(/[\r\n]/).map((each) => each.trim())) {
      if (line.length < shortest || known.has(line)) continue
      known.add(line)
      err.write(`::add-mask::${escaped(line)}\n`)
    }
  }
}
