// The accounts of the services. Any pod of the live slot answers for the database of its service.
import { z } from 'zod'
import { failed, interrupted, refused, ShopctlError } from '../errors.ts'
import type { Management, Plane, PodAnswer, Pods } from '../release/ports/cluster.ts'
import { colors, targetOf } from '../release/slot.ts'
import { type EnvironmentState, liveSlotOf } from '../release/state.ts'

export interface AccountingPorts {
  management: Management
  pods: Pods
  signal: AbortSignal
}

const count = z.int().nonnegative().default(0)

/** The numbers that shopctl reads itself. The audit script reads the rest. */
const accountSchema = z.looseObject({
  outbox: z.looseObject({ waiting: count }).default({ waiting: 0 }),
  queued: count,
  dead: count,
  retrying: count,
})

interface Account extends z.infer<typeof accountSchema> {
  /** Messages that the pods of both slots have taken and not finished. */
  inFlight: number
}

export interface Reading {
  service: string
  /** The pod that answered. */
  pod: string
  account: Account
  /** Pods of the service that do not report what they hold. */
  silent: string[]
}

/**
 * The services whose pods answer for this: the chosen ones, or all. Refused when a chosen service does not answer, or
 * no service does.
 */
export function servicesWith(
  what: 'messages' | 'accounting',
  management: Management,
  state: EnvironmentState,
  chosen: readonly string[] | null,
): string[] {
  const able = Object.keys(state.services).filter((name) => management.path(name, what) !== null)
  const unable = chosen?.find((name) => !able.includes(name)) ?? null
  if (unable === null && able.length > 0) return [...(chosen ?? able)]
  throw refused({
    code: `no-${what}`,
    message: `${unable ?? 'No service'} of shopctl.yaml has a path on which its pods answer for ${what}.`,
    hint: `If its pods answer, set \`services.<name>.management.${what}\` there, then run the command again.`,
  })
}

export function isLive(state: EnvironmentState, name: string): boolean {
  return liveSlotOf(state, name) !== null
}

/** The same services. Refused when one of them has no live slot. */
export function requireLive(state: EnvironmentState, services: string[]): string[] {
  const idle = services.find((name) => !isLive(state, name))
  if (idle === undefined) return services
  throw refused({
    code: 'nothing-live',
    message: `${idle} has no live slot, so no pod answers for it.`,
    hint: `Run \`shopctl release --service ${idle}\` first.`,
  })
}

/** The answer of the first pod that answers below 500. `service` has a live slot. */
export async function askService(
  { management, pods, signal }: AccountingPorts,
  state: EnvironmentState,
  service: string,
  path: string,
): Promise<PodAnswer & { pod: string }> {
  const slot = liveSlotOf(state, service)
  const names = slot ? await pods.list(service, targetOf(slot)) : []
  let problem = 'no answer'
  for (const pod of names) {
    const answer = await management.ask(service, pod, 'GET', path, signal)
    if (signal.aborted) throw interrupted()
    if (answer && answer.status < 500) return { pod, ...answer }
    if (answer) problem = detailOf(answer)
  }
  throw failed({
    code: 'not-answered',
    message: `No pod of ${service} answers GET ${path}: ${problem}.`,
    hint: `Read the logs of the pods of ${service}, then run the command again.`,
  })
}

/** Status and `detail` of a problem document (RFC 9457), or the start of another body. */
export function detailOf({ status, body }: PodAnswer): string {
  const problem = parseJson(body) as { detail?: unknown } | null
  if (typeof problem?.detail === 'string') return `${status} ${problem.detail}`
  return `${status} ${body.slice(0, 200)}`.trim()
}

export async function readAccount(
  ports: AccountingPorts,
  state: EnvironmentState,
  service: string,
  plane: Plane,
): Promise<Reading> {
  const path = `${ports.management.path(service, 'accounting')}?plane=${plane}`
  const answer = await askService(ports, state, service, path)
  const account = accountSchema.safeParse(answer.status === 200 ? parseJson(answer.body) : null)
  if (!account.success) {
    throw failed({
      code: 'bad-accounting',
      message: `${answer.pod} gives a wrong answer to GET ${path}: ${answer.status === 200 ? z.prettifyError(account.error) : detailOf(answer)}`,
      hint: `Correct the accounting of ${service}, then run \`shopctl release --service ${service}\`.`,
    })
  }
  const { inFlight, silent } = await readInFlight(ports, state, service, plane)
  return { service, pod: answer.pod, account: { ...account.data, inFlight }, silent }
}

/** null: it is no JSON. */
export function parseJson(text: string): unknown {
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
  const names = (
    await Promise.all(slots.map((slot) => pods.selected(service, targetOf(slot))))
  ).flat()
  const reports = await Promise.all(names.map((pod) => pods.report(service, pod)))
  const held = reports.map((report) => (plane === 'live' ? report : report?.preview)?.inFlight ?? 0)
  return {
    inFlight: held.reduce((sum, each) => sum + each, 0),
    silent: names.filter((_, index) => reports[index] === null),
  }
}

/** Entries per request. */
const pageSize = 5_000
/** Of a page that broke off. */
const furtherTries = 2

/** All entries of a pod, one JSON line each, ascending by `id`. An id may have several lines. */
export async function* entryLines(
  { management, signal }: AccountingPorts,
  service: string,
  pod: string,
  plane: Plane,
): AsyncGenerator<string> {
  const entries = `${management.path(service, 'accounting')}/entries?plane=${plane}&limit=${pageSize}`
  const reading: PageReading = { service, pod, after: null }
  let broken = 0
  for (;;) {
    const from = reading.after === null ? '' : `&after=${encodeURIComponent(reading.after)}`
    try {
      const lines = management.lines(service, pod, `${entries}${from}`, signal)
      const isLast = yield* readPage(reading, lines)
      if (isLast) return
      broken = 0
    } catch (error) {
      // The page is asked for again from the last whole entry.
      broken += 1
      if (broken > furtherTries || !isNotAnswered(error)) throw error
    }
  }
}

interface PageReading {
  service: string
  pod: string
  /** The id of the last whole entry. */
  after: string | null
}

/** Yields the whole entries of a page, and notes the last one. Returns whether no page follows. */
async function* readPage(
  reading: PageReading,
  lines: AsyncIterable<string>,
): AsyncGenerator<string, boolean> {
  const { service, pod } = reading
  // A page may end between the lines of one id. They are held until the next id begins.
  let held: string[] = []
  let current: string | null = null
  let size = 0
  for await (const line of lines) {
    const id = idOf(line, service, pod)
    if (id !== current) {
      if (id <= (current ?? reading.after ?? '')) throw unordered(service, pod, id)
      yield* ended(held)
      if (current !== null) reading.after = current
      current = id
      held = []
    }
    held.push(line)
    size += 1
  }
  const isFull = size >= pageSize
  // The next page begins with the last id again.
  if (isFull && held.length < size) return false
  yield* ended(held)
  reading.after = current
  return !isFull
}

function isNotAnswered(error: unknown): boolean {
  return error instanceof ShopctlError && error.code === 'not-answered'
}

function ended(lines: readonly string[]): string[] {
  return lines.map((line) => `${line}\n`)
}

function idOf(line: string, service: string, pod: string): string {
  const entry = parseJson(line) as { id?: unknown } | null
  if (typeof entry?.id === 'string') return entry.id
  throw failed({
    code: 'bad-accounting',
    message: `${pod} answers with an entry that has no id: ${line.slice(0, 100)}`,
    hint: entriesHint(service),
  })
}

function unordered(service: string, pod: string, id: string): Error {
  return failed({
    code: 'bad-accounting',
    message: `${pod} does not answer with its entries in ascending order: ${id} comes too late.`,
    hint: entriesHint(service),
  })
}

function entriesHint(service: string): string {
  return `Correct the entries of ${service} (CONTRACT.md, level 3), then run \`shopctl release --service ${service}\`.`
}
