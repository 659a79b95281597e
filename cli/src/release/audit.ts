// audit: collects what the services know of their work, and lets the project's own script sum it up.
import { z } from 'zod'
import { failed, interrupted } from '../errors.ts'
import { type AccountingPorts, orderLines, readBooks, serving } from './accounting.ts'
import { lastLines } from './last-lines.ts'
import type { Folder, Plane, Programs, Progress, Scratch } from './ports.ts'
import type { EnvironmentState } from './state.ts'

export interface AuditPorts extends AccountingPorts {
  programs: Programs
  progress: Progress
  scratch: Scratch
}

export interface AuditIntent {
  plane: Plane
  namespace: string
  /** Whether nothing moves any more. */
  quiet: boolean
  /** Path of the script that sums up. */
  script: string
}

const number = z.number()

/** What the script prints. It may say more; that is passed on as it is. */
export const auditSchema = z.looseObject({
  balanced: z.boolean(),
  orders: z.looseObject({
    accepted: number,
    confirmed: number,
    rejected: number,
    cancelled: number,
    open: number,
  }),
  captures: number,
  refunds: number,
  notifications: number,
  stock: z.looseObject({
    initial: number,
    reserved: number,
    released: number,
    sold: number,
    available: number,
  }),
  outbox: number,
  queued: number,
  parked: number,
  duplicatesRefused: number,
  byEpoch: z.array(
    z.looseObject({
      service: z.string(),
      epoch: number.nullable(),
      color: z.string().nullable(),
      handled: number,
    }),
  ),
  violations: z.array(
    z.looseObject({
      rule: z.string(),
      orders: z.array(z.string()),
      /** Where not all of the orders are named. */
      count: number.optional(),
    }),
  ),
})

export type Audit = z.infer<typeof auditSchema>

export async function audit(
  ports: AuditPorts,
  state: EnvironmentState,
  { plane, namespace, quiet, script }: AuditIntent,
): Promise<Audit> {
  const names = serving(state, Object.keys(state.services))
  return ports.scratch.folder(async (folder) => {
    await ports.progress.step('read the books', async (say) => {
      // One after another, and those first that others work for: what is read later is at least as new, so that an
      // order is never seen downstream, in a payment say, and unknown to the service that took it.
      for (const name of names) {
        say(name)
        await collect(ports, state, name, plane, folder)
      }
    })
    const env = {
      SHOPCTL_ACCOUNTING: folder.path,
      SHOPCTL_PLANE: plane,
      SHOPCTL_NAMESPACE: namespace,
      SHOPCTL_QUIET: String(quiet),
    }
    const { exitCode, stdout, output } = await ports.programs.script(script, env)
    if (ports.signal.aborted) throw interrupted()
    if (exitCode === 0) return parseAudit(stdout, script)
    throw failed({
      code: 'audit-failed',
      message: `${script} could not sum up and ended with exit code ${exitCode}:\n${lastLines(output, 15)}`,
      hint: 'Mend the script, or the service whose books it cannot read.',
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
  await folder.write(`${service}.orders.ndjson`, orderLines(ports, pod, plane))
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
