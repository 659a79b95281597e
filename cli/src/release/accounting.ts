// What the services know of their work: any pod of the slot that serves answers for its service's database.
import { z } from 'zod'
import { failed, interrupted, refused } from '../errors.ts'
import type { Cluster, Plane, PodAnswer } from './ports.ts'
import { colors, type EnvironmentState, liveSlot, targetOf } from './state.ts'

export interface AccountingPorts {
  cluster: Cluster
  signal: AbortSignal
}

const count = z.int().nonnegative()

/** As much of `GET /accounting` as the command line itself understands; the rest is the audit script's. */
const accountSchema = z.looseObject({
  outbox: z.looseObject({ waiting: count }),
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

/** The services asked for that have a slot that serves. Refused when one that was named has none. */
export function serving(state: EnvironmentState, chosen: readonly string[] | null): string[] {
  const asked = chosen ?? Object.keys(state.services)
  const names = asked.filter((name) => state.services[name] && liveSlot(state.services[name]))
  const idle = asked.find((name) => !names.includes(name))
  if (idle === undefined || (!chosen && names.length > 0)) return names
  throw refused({
    code: 'nothing-live',
    message: `${idle} has no slot that serves, so nobody answers for it.`,
    hint: 'Run `shopctl release` first; `shopctl status` shows what serves.',
  })
}

/** The answer of the first pod that gives one: below 500. `service` has a slot that serves. */
export async function askService(
  { cluster, signal }: AccountingPorts,
  state: EnvironmentState,
  service: string,
  path: string,
): Promise<PodAnswer & { pod: string }> {
  const slot = state.services[service] && liveSlot(state.services[service])
  const pods = slot ? await cluster.pods(service, targetOf(slot)) : []
  let said = 'no answer'
  for (const pod of pods) {
    const answer = await cluster.ask(pod, 'GET', path, signal)
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
  const path = `/accounting?plane=${plane}`
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
  { cluster }: AccountingPorts,
  state: EnvironmentState,
  service: string,
  plane: Plane,
): Promise<{ inFlight: number; silent: string[] }> {
  const slots = colors.flatMap((color) => state.services[service]?.slots[color] ?? [])
  const pods = (
    await Promise.all(slots.map((slot) => cluster.pods(service, targetOf(slot))))
  ).flat()
  const reports = await Promise.all(pods.map((pod) => cluster.role(pod)))
  const held = reports.map((report) => (plane === 'live' ? report : report?.preview)?.inFlight ?? 0)
  return {
    inFlight: held.reduce((sum, each) => sum + each, 0),
    silent: pods.filter((_, index) => reports[index] === null),
  }
}

/** As many orders as one request asks for. */
const pageSize = 5_000

/** Every line of what a pod knows of orders, page by page, ascending by order; an order may have several lines. */
export async function* orderLines(
  { cluster, signal }: AccountingPorts,
  pod: string,
  plane: Plane,
): AsyncGenerator<string> {
  let after: string | null = null
  for (;;) {
    const from: string = after === null ? '' : `&after=${encodeURIComponent(after)}`
    const path = `/accounting/orders?plane=${plane}&limit=${pageSize}${from}`
    // The page may end in the midst of an order: its lines are held back until the next order shows that it is whole.
    let held: string[] = []
    let current: string | null = null
    let size = 0
    for await (const line of cluster.lines(pod, path, signal)) {
      const id = orderIdOf(line, pod)
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

function orderIdOf(line: string, pod: string): string {
  const order = parseJson(line) as { orderId?: unknown } | null
  if (typeof order?.orderId === 'string') return order.orderId
  throw failed({
    code: 'bad-accounting',
    message: `${pod} tells of an order in a line that is none: ${line.slice(0, 100)}`,
  })
}

function unordered(pod: string, id: string): Error {
  return failed({
    code: 'bad-accounting',
    message: `${pod} does not tell of its orders in ascending order: ${id} comes too late.`,
  })
}
