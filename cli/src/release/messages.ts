// Messages that got stuck: found at every service, shown, sent once more or given up.
import { z } from 'zod'
import { failed, refused } from '../errors.ts'
import { type AccountingPorts, askService, detailOf, serving } from './accounting.ts'
import { settleAll } from './settle.ts'
import type { EnvironmentState } from './state.ts'

const messageSchema = z.looseObject({
  id: z.string(),
  /** null: it is no event. */
  type: z.string().nullable(),
  state: z.enum(['parked', 'retrying', 'unroutable']),
  attempts: z.number(),
  reason: z.string().nullable(),
  firstFailedAt: z.string(),
  lastFailedAt: z.string(),
})

/** One that did not have its effect, at the service whose effect it is. */
export interface StuckMessage extends z.infer<typeof messageSchema> {
  service: string
}

export type Wish = 'replay' | 'discard'

export interface WishResult {
  id: string
  service: string
  result: 'replayed' | 'discarded' | 'failed'
  /** Why it failed. */
  reason?: string
}

/** As many as one service is asked for. */
export const listLimit = 10_000

interface Found {
  /** The pod that told of it. */
  pod: string
  message: StuckMessage
}

/** Those for a person first, the oldest of them first. */
export async function listMessages(
  ports: AccountingPorts,
  state: EnvironmentState,
  chosen: readonly string[] | null,
): Promise<Found[]> {
  const lists = await settleAll(
    serving(state, chosen).map(async (service): Promise<Found[]> => {
      const answer = await askService(ports, state, service, `/messages?limit=${listLimit}`)
      const list = z.array(messageSchema).safeParse(answer.status === 200 ? body(answer) : null)
      if (!list.success) throw unreadable(service, detailOf(answer))
      return list.data.map((message) => ({ pod: answer.pod, message: { ...message, service } }))
    }),
  )
  const rank = ({ message: { state, firstFailedAt } }: Found): string =>
    `${state === 'parked' ? 0 : 1} ${firstFailedAt}`
  return lists.flat().sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
}

/** At every service where it is stuck: an event goes to several. Refused when it is nowhere. */
export async function findMessages(
  ports: AccountingPorts,
  state: EnvironmentState,
  chosen: readonly string[] | null,
  id: string,
): Promise<Found[]> {
  const services = serving(state, chosen)
  const found = await settleAll(
    services.map(async (service): Promise<Found[]> => {
      const path = `/messages/${encodeURIComponent(id)}`
      const answer = await askService(ports, state, service, path)
      if (answer.status === 404 || answer.status === 400) return []
      const message = messageSchema.safeParse(answer.status === 200 ? body(answer) : null)
      if (!message.success) throw unreadable(service, detailOf(answer))
      return [{ pod: answer.pod, message: { ...message.data, service } }]
    }),
  )
  if (found.flat().length > 0) return found.flat()
  throw refused({
    code: 'unknown-message',
    message: `No message ${id} is stuck at ${services.join(', ')}.`,
    hint: '`shopctl messages list` shows those that are.',
  })
}

/** `ids` null: all that are parked. The others are looked up first: a mistake in one id changes nothing. */
export async function carryOutWish(
  ports: AccountingPorts,
  state: EnvironmentState,
  chosen: readonly string[] | null,
  wish: Wish,
  ids: readonly string[] | null,
): Promise<WishResult[]> {
  const found = ids
    ? await findParked(ports, state, chosen, wish, ids)
    : (await listMessages(ports, state, chosen)).filter(isParked)
  const results: WishResult[] = []
  // One after another, in the order in which they were named or failed.
  for (const { pod, message } of found) results.push(await carryOutOne(ports, pod, message, wish))
  return results
}

function isParked({ message }: Found): boolean {
  return message.state === 'parked'
}

async function findParked(
  ports: AccountingPorts,
  state: EnvironmentState,
  chosen: readonly string[] | null,
  wish: Wish,
  ids: readonly string[],
): Promise<Found[]> {
  const found: Found[] = []
  for (const id of new Set(ids)) {
    const places = await findMessages(ports, state, chosen, id)
    const parked = places.filter(isParked)
    if (parked.length === 0 && places[0]) throw notParked(places[0].message, wish)
    found.push(...parked)
  }
  return found
}

function notParked({ id, service, state }: StuckMessage, wish: Wish): Error {
  return refused({
    code: 'not-parked',
    message: `${id} is ${state} at ${service}: it is being tried again by itself.`,
    hint: `Only a parked message can be ${past[wish]}; it is parked once it has failed often enough.`,
  })
}

const past = { replay: 'replayed', discard: 'discarded' } as const

async function carryOutOne(
  { cluster, signal }: AccountingPorts,
  pod: string,
  { id, service }: StuckMessage,
  wish: Wish,
): Promise<WishResult> {
  const path = `/messages/${encodeURIComponent(id)}/${wish}`
  const answer = await cluster.ask(pod, 'POST', path, signal)
  if (answer && answer.status < 300) return { id, service, result: past[wish] }
  const reason = answer ? detailOf(answer) : `${pod} did not answer; it may have been ${past[wish]}`
  return { id, service, result: 'failed', reason }
}

function body({ body }: { body: string }): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return null
  }
}

function unreadable(service: string, said: string): Error {
  return failed({
    code: 'bad-messages',
    message: `${service} does not tell of its messages as it should: ${said}`,
    hint: `Release ${service} anew if its version is older than this.`,
  })
}

/** Whatever lets somebody pay, or says who he is. */
const personal = ['token', 'email']

/** An event as it may be shown to anyone: of a text that is no event, nobody knows what is in it. */
export function masked(event: unknown): unknown {
  if (typeof event === 'string') return `(${event.length} characters that are no event)`
  return maskFields(event)
}

function maskFields(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(maskFields)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      personal.includes(key.toLowerCase()) ? '***' : maskFields(inner),
    ]),
  )
}
