// audit: collects the accounts of the services and runs the project's script over them.
import { z } from 'zod'
import { failed, interrupted } from '../errors.ts'
import { lastLines, programFailed } from '../release/last-lines.ts'
import { type ObservePorts, observe } from '../release/observe.ts'
import type { Plane } from '../release/ports/cluster.ts'
import type { Folder, Programs, Scratch } from '../release/ports/project.ts'
import type { Clock, Progress } from '../release/ports/session.ts'
import type { EnvironmentState } from '../release/state.ts'
import {
  type AccountingPorts,
  entryLines,
  readAccount,
  requireLive,
  servicesWith,
} from './accounting.ts'
import { awaitQuiet } from './quiet.ts'

interface AuditPorts extends AccountingPorts, ObservePorts {
  programs: Programs
  progress: Progress
  scratch: Scratch
  clock: Clock
}

export interface AuditInput {
  plane: Plane
  namespaceName: string
  /** How long to wait until nothing is in flight, null: not at all. */
  waitMs: number | null
  /** Path of the project's script. */
  script: string
}

/** The document of the script. Its other fields are printed as they are. */
const auditSchema = z.looseObject({
  balanced: z.boolean(),
  violations: z.array(
    z.looseObject({
      rule: z.string(),
      /** The number of cases, where the lists name only some. */
      count: z.number().optional(),
    }),
  ),
})

export type Audit = z.infer<typeof auditSchema>

export async function audit(ports: AuditPorts, input: AuditInput): Promise<Audit> {
  const { plane, waitMs, script } = input
  const { progress, management } = ports
  if (waitMs !== null) {
    await progress.step('wait until nothing is in flight', (say) =>
      awaitQuiet(ports, { plane, timeoutMs: waitMs }, say),
    )
  }
  const state = await observe(ports)
  const names = requireLive(state, servicesWith('accounting', management, state, null))
  return ports.scratch.folder(async (folder) => {
    await progress.step('read the accounts', async (say) => {
      // Upstream first: what an upstream account already knows, a later reading downstream has too. New entries
      // downstream may still be unknown upstream; the script has to ignore entries that are this young.
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
    const finished = await ports.programs.script(script, env, ports.signal)
    if (ports.signal.aborted) throw interrupted()
    if (finished.exitCode === 0) return parseAudit(finished.stdout, script)
    const hint =
      'Fix the script, or the service whose accounts it cannot read, then run `shopctl audit` again.'
    throw failed({ code: 'audit-failed', ...programFailed(script, finished, hint) })
  })
}

async function collect(
  ports: AuditPorts,
  state: EnvironmentState,
  service: string,
  plane: Plane,
  folder: Folder,
): Promise<void> {
  const { account, pod } = await readAccount(ports, state, service, plane)
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
  throw badAudit(script, `a document that is not an audit:\n${z.prettifyError(parsed.error)}`)
}

function badAudit(script: string, what: string): Error {
  return failed({
    code: 'bad-audit',
    message: `${script} printed ${what}`,
    hint: 'Print one JSON document on stdout and all else on stderr, then run `shopctl audit` again.',
  })
}
