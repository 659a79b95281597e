// Messages that got stuck: found at every service, shown, sent once more or given up.
import { z } from 'zod'
import { failed, refused } from '../errors.ts'
import { isMap } from '../release/canonical.ts'
import { type ObservePorts, observe } from '../release/observe.ts'
import { settleAll } from '../release/settle.ts'
import { type AccountingPorts, askService, detailOf, serving } from './accounting.ts'

export type MessagePorts = AccountingPorts & ObservePorts

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

export type Decision = 'replay' | 'discard'

export interface Decided {
  id: string
  service: string
  result: 'replayed' | 'discarded' | 'failed'
  /** Why it failed. */
  reason?: string
}

/** As many as one service is asked for. */
export const listLimit = 10_000

interface Found {
  /** The pod that answered. */
  pod: string
  message: StuckMessage
}

/** Those for a person first, the oldest of them first. */
export async function listMessages(
  ports: MessagePorts,
  chosen: readonly string[] | null,
): Promise<StuckMessage[]> {
  return (await listFound(ports, chosen)).map(({ message }) => message)
}

async function listFound(ports: MessagePorts, chosen: readonly string[] | null): Promise<Found[]> {
  const state = await observe(ports)
  const lists = await settleAll(
    serving(ports.management, 'messages', state, chosen).map(async (service): Promise<Found[]> => {
      const path = `${ports.management.path(service, 'messages')}?limit=${listLimit}`
      const answer = await askService(ports, state, service, path)
      const list = z.array(messageSchema).safeParse(answer.status === 200 ? json(answer) : null)
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
  ports: MessagePorts,
  chosen: readonly string[] | null,
  id: string,
): Promise<StuckMessage[]> {
  return (await findPlaces(ports, chosen, id)).map(({ message }) => message)
}

async function findPlaces(
  ports: MessagePorts,
  chosen: readonly string[] | null,
  id: string,
): Promise<Found[]> {
  const state = await observe(ports)
  const services = serving(ports.management, 'messages', state, chosen)
  const found = await settleAll(
    services.map(async (service): Promise<Found[]> => {
      const path = `${ports.management.path(service, 'messages')}/${encodeURIComponent(id)}`
      const answer = await askService(ports, state, service, path)
      if (answer.status === 404 || answer.status === 400) return []
      const message = messageSchema.safeParse(answer.status === 200 ? json(answer) : null)
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
export async function decideMessages(
  ports: MessagePorts,
  chosen: readonly string[] | null,
  decision: Decision,
  ids: readonly string[] | null,
): Promise<Decided[]> {
  const found = ids
    ? await findParked(ports, chosen, decision, ids)
    : (await listFound(ports, chosen)).filter(isParked)
  const results: Decided[] = []
  // One after another, in the order in which they were named or failed.
  for (const { pod, message } of found) results.push(await decideOne(ports, pod, message, decision))
  return results
}

function isParked({ message }: Found): boolean {
  return message.state === 'parked'
}

async function findParked(
  ports: MessagePorts,
  chosen: readonly string[] | null,
  decision: Decision,
  ids: readonly string[],
): Promise<Found[]> {
  const found: Found[] = []
  for (const id of new Set(ids)) {
    const places = await findPlaces(ports, chosen, id)
    const parked = places.filter(isParked)
    if (parked.length === 0 && places[0]) throw notParked(places[0].message, decision)
    found.push(...parked)
  }
  return found
}

function notParked({ id, service, state }: StuckMessage, decision: Decision): Error {
  return refused({
    code: 'not-parked',
    message: `${id} is ${state} at ${service}: it is being tried again by itself.`,
    hint: `Only a parked message can be ${past[decision]}; it is parked once it has failed often enough.`,
  })
}

const past = { replay: 'replayed', discard: 'discarded' } as const

async function decideOne(
  { management, signal }: MessagePorts,
  pod: string,
  { id, service }: StuckMessage,
  decision: Decision,
): Promise<Decided> {
  const path = `${management.path(service, 'messages')}/${encodeURIComponent(id)}/${decision}`
  const answer = await management.ask(service, pod, 'POST', path, signal)
  if (answer && answer.status < 300) return { id, service, result: past[decision] }
  const reason = answer
    ? detailOf(answer)
    : `${pod} did not answer; it may have been ${past[decision]}`
  return { id, service, result: 'failed', reason }
}

function json({ body }: { body: string }): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return null
  }
}

function unreadable(service: string, said: string): Error {
  return failed({
    code: 'bad-messages',
    message: `${service} does not answer for its messages as it should: ${said}`,
    hint: `Release ${service} anew if its version is older than this.`,
  })
}

/**
 * The message with `***` where its service says that something is sensitive, by JSON pointers into the event. A service
 * that says nothing has its event hidden as a whole.
 */
export function masked(message: StuckMessage): StuckMessage {
  const pointers = z.array(z.string()).safeParse(message.sensitive)
  const event = pointers.success ? maskAll(message.event, pointers.data) : '***'
  return { ...message, event }
}

function maskAll(event: unknown, pointers: readonly string[]): unknown {
  return pointers.reduce<unknown>((masking, pointer) => mask(masking, pathOf(pointer)), event)
}

/** RFC 6901. */
function pathOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function mask(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return '***'
  if (Array.isArray(value))
    return value.map((inner, index) => (String(index) === key ? mask(inner, rest) : inner))
  if (!isMap(value) || !(key in value)) return value
  return { ...value, [key]: mask(value[key], rest) }
}
