// What the services know of their work: any pod of the slot that serves answers for its service's database.
import { z } from 'zod'
import { failed, interrupted, refused } from '../errors.ts'
import type { Management, Plane, PodAnswer, Pods } from '../release/ports/cluster.ts'
import { colors, targetOf } from '../release/slot.ts'
import { type EnvironmentState, liveSlot } from '../release/state.ts'

export interface AccountingPorts {
  management: Management
  pods: Pods
  signal: AbortSignal
}

const count = z.int().nonnegative().default(0)

/** As much of the accounting as the command line itself understands; the rest is the audit script's. */
const accountSchema = z.looseObject({
  outbox: z.looseObject({ waiting: count }).default({ waiting: 0 }),
  queued: count,
  dead: count,
  retrying: count,
})

export interface Account extends z.infer<typeof accountSchema> {
  /** Deliveries that its pods hold, of both slots. */
  inFlight: number
}

export interface Books {
  service: string
  /** The pod that answered. */
  pod: string
  account: Account
  /** Pods of the service that do not say what they hold. */
  silent: string[]
}

/**
 * The services asked for that answer this, and serve. Refused when one that was named does not; a sum needs all that
 * answer for it, named or not.
 */
export function serving(
  management: Management,
  what: 'messages' | 'accounting',
  state: EnvironmentState,
  chosen: readonly string[] | null,
): string[] {
  const able = Object.keys(state.services).filter((name) => management.path(name, what) !== null)
  const unable = chosen ? chosen.find((name) => !able.includes(name)) : able.length === 0
  if (unable) {
    throw refused({
      code: `no-${what}`,
      message: `${unable === true ? 'No service' : unable} of shopctl.yaml says on which path its pods answer for ${what}.`,
      hint: `Set \`services.<name>.management.${what}\` there, if its pods do.`,
    })
  }
  const asked = chosen ?? able
  const names = asked.filter((name) => state.services[name] && liveSlot(state.services[name]))
  const idle = asked.find((name) => !names.includes(name))
  const mayLack = !chosen && what === 'messages' && names.length > 0
  if (idle === undefined || mayLack) return names
  throw refused({
    code: 'nothing-live',
    message: `${idle} has no slot that serves, so nobody answers for it.`,
    hint: 'Run `shopctl release` first; `shopctl status` shows what serves.',
  })
}

/** The answer of the first pod that gives one: below 500. `service` has a slot that serves. */
export async function askService(
  { management, pods, signal }: AccountingPorts,
  state: EnvironmentState,
  service: string,
  path: string,
): Promise<PodAnswer & { pod: string }> {
  const slot = state.services[service] && liveSlot(state.services[service])
  const names = slot ? await pods.list(service, targetOf(slot)) : []
  let said = 'no answer'
  for (const pod of names) {
    const answer = await management.ask(service, pod, 'GET', path, signal)
    if (signal.aborted) throw interrupted()
    if (answer && answer.status < 500) return { pod, ...answer }
    if (answer) said = detailOf(answer)
  }
  throw failed({
    code: 'not-answered',
    message: `No pod of ${service} answers GET ${path}: ${said}.`,
    hint: 'See the logs of its pods, then run the command again.',
  })
}

/** What an error says in words, as RFC 9457 puts it. */
export function detailOf({ status, body }: PodAnswer): string {
  try {
    const { detail } = JSON.parse(body) as { detail?: unknown }
    if (typeof detail === 'string') return `${status} ${detail}`
  } catch {
    // Then it is what it is.
  }
  return `${status} ${body.slice(0, 200)}`.trim()
}

export async function readBooks(
  ports: AccountingPorts,
  state: EnvironmentState,
  service: string,
  plane: Plane,
): Promise<Books> {
  const path = `${ports.management.path(service, 'accounting')}?plane=${plane}`
  const answer = await askService(ports, state, service, path)
  const account = accountSchema.safeParse(answer.status === 200 ? parseJson(answer.body) : null)
  if (!account.success) {
    throw failed({
      code: 'bad-accounting',
      message: `${answer.pod} does not answer GET ${path} as it should: ${answer.status === 200 ? z.prettifyError(account.error) : detailOf(answer)}`,
      hint: `Release ${service} anew if its version is older than the accounting.`,
    })
  }
  const { inFlight, silent } = await readInFlight(ports, state, service, plane)
  return { service, pod: answer.pod, account: { ...account.data, inFlight }, silent }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

async function readInFlight(
  { pods }: AccountingPorts,
  state: EnvironmentState,
  service: string,
  plane: Plane,
): Promise<{ inFlight: number; silent: string[] }> {
  if (!pods.reports(service)) return { inFlight: 0, silent: [] }
  const slots = colors.flatMap((color) => state.services[service]?.slots[color] ?? [])
  const names = (await Promise.all(slots.map((slot) => pods.list(service, targetOf(slot))))).flat()
  const reports = await Promise.all(names.map((pod) => pods.report(service, pod)))
  const held = reports.map((report) => (plane === 'live' ? report : report?.preview)?.inFlight ?? 0)
  return {
    inFlight: held.reduce((sum, each) => sum + each, 0),
    silent: names.filter((_, index) => reports[index] === null),
  }
}

/** As many entries as one request asks for. */
const pageSize = 5_000

/** Every line of what a pod accounts for, page by page, ascending by `id`; an id may have several lines. */
export async function* entryLines(
  { management, signal }: AccountingPorts,
  service: string,
  pod: string,
  plane: Plane,
): AsyncGenerator<string> {
  const entries = `${management.path(service, 'accounting')}/entries`
  let after: string | null = null
  for (;;) {
    const from: string = after === null ? '' : `&after=${encodeURIComponent(after)}`
    const path = `${entries}?plane=${plane}&limit=${pageSize}${from}`
    // The page may end between the lines of one id: they are held back until the next id shows that it is whole.
    let held: string[] = []
    let current: string | null = null
    let size = 0
    for await (const line of management.lines(service, pod, path, signal)) {
      const id = idOf(line, pod)
      if (id !== current) {
        if (id <= (current ?? after ?? '')) throw unordered(pod, id)
        yield* ended(held)
        if (current !== null) after = current
        current = id
        held = []
      }
      held.push(line)
      size += 1
    }
    if (size >= pageSize && held.length < size) continue
    yield* ended(held)
    if (size < pageSize) return
    after = current
  }
}

function ended(lines: readonly string[]): string[] {
  return lines.map((line) => `${line}\n`)
}

function idOf(line: string, pod: string): string {
  const entry = parseJson(line) as { id?: unknown } | null
  if (typeof entry?.id === 'string') return entry.id
  throw failed({
    code: 'bad-accounting',
    message: `${pod} answers with an entry that has no id: ${line.slice(0, 100)}`,
  })
}

function unordered(pod: string, id: string): Error {
  return failed({
    code: 'bad-accounting',
    message: `${pod} does not answer with its entries in ascending order: ${id} comes too late.`,
  })
}
