// audit: collects what the services know of their work, and lets the project's own script sum it up.
import { z } from 'zod'
import { failed, interrupted } from '../errors.ts'
import { lastLines } from '../release/last-lines.ts'
import { type ObservePorts, observe } from '../release/observe.ts'
import type { Plane } from '../release/ports/cluster.ts'
import type { Folder, Programs, Scratch } from '../release/ports/project.ts'
import type { Clock, Progress } from '../release/ports/session.ts'
import type { EnvironmentState } from '../release/state.ts'
import { type AccountingPorts, entryLines, readBooks, serving } from './accounting.ts'
import { awaitQuiet } from './quiet.ts'

export interface AuditPorts extends AccountingPorts, ObservePorts {
  programs: Programs
  progress: Progress
  scratch: Scratch
  clock: Clock
}

export interface AuditInput {
  plane: Plane
  namespaceName: string
  /** How long to wait for quiet first, null: not at all. */
  waitMs: number | null
  /** Path of the script that sums up. */
  script: string
}

/** What the script prints. What else it says is passed on, and shown, as it is. */
export const auditSchema = z.looseObject({
  balanced: z.boolean(),
  violations: z.array(
    z.looseObject({
      rule: z.string(),
      /** Where not all that it concerns is named. */
      count: z.number().optional(),
    }),
  ),
})

export type Audit = z.infer<typeof auditSchema>

export async function audit(ports: AuditPorts, input: AuditInput): Promise<Audit> {
  const { plane, waitMs, script } = input
  const { progress, management } = ports
  if (waitMs !== null) {
    await progress.step('wait for quiet', (say) =>
      awaitQuiet(ports, { plane, timeoutMs: waitMs }, say),
    )
  }
  const state = await observe(ports)
  const names = serving(management, 'accounting', state, null)
  return ports.scratch.folder(async (folder) => {
    await progress.step('read the books', async (say) => {
      // One after another, and those first that others work for: what is read later is at least as new, so that
      // nothing is seen downstream and unknown to the service that it came from.
      for (const name of names) {
        say(name)
        await collect(ports, state, name, plane, folder)
      }
    })
    const env = {
      SHOPCTL_ACCOUNTING: folder.path,
      SHOPCTL_PLANE: plane,
      SHOPCTL_NAMESPACE: input.namespaceName,
      SHOPCTL_QUIET: String(waitMs !== null),
    }
    const { exitCode, stdout, output } = await ports.programs.script(script, env, ports.signal)
    if (ports.signal.aborted) throw interrupted()
    if (exitCode === 0) return parseAudit(stdout, script)
    throw failed({
      code: 'audit-failed',
      message: `${script} could not sum up and ended with exit code ${exitCode}:\n${lastLines(output, 15)}`,
      hint: 'Fix the script, or the service whose books it cannot read.',
    })
  })
}

async function collect(
  ports: AuditPorts,
  state: EnvironmentState,
  service: string,
  plane: Plane,
  folder: Folder,
): Promise<void> {
  const { account, pod } = await readBooks(ports, state, service, plane)
  await folder.write(`${service}.json`, once(JSON.stringify(account)))
  await folder.write(`${service}.entries.ndjson`, entryLines(ports, service, pod, plane))
}

async function* once(text: string): AsyncGenerator<string> {
  yield text
}

function parseAudit(text: string, script: string): Audit {
  let printed: unknown
  try {
    printed = JSON.parse(text)
  } catch {
    throw badAudit(script, `no JSON document but:\n${lastLines(text, 15) || 'nothing'}`)
  }
  const parsed = auditSchema.safeParse(printed)
  if (parsed.success) return parsed.data
  throw badAudit(script, `another document than the audit's:\n${z.prettifyError(parsed.error)}`)
}

function badAudit(script: string, what: string): Error {
  return failed({
    code: 'bad-audit',
    message: `${script} printed ${what}`,
    hint: 'Its stdout has to be one JSON document; whatever else it says belongs on stderr.',
  })
}
