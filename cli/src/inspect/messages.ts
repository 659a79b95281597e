// Stuck messages: list, show, replay, discard.
import { z } from 'zod'
import { failed, refused, ShopctlError } from '../errors.ts'
import { isMap } from '../release/canonical.ts'
import { type ObservePorts, observe } from '../release/observe.ts'
import { settleAll } from '../release/settle.ts'
import type { EnvironmentState } from '../release/state.ts'
import {
  type AccountingPorts,
  askService,
  detailOf,
  isLive,
  parseJson,
  requireLive,
  servicesWith,
} from './accounting.ts'

type MessagePorts = AccountingPorts & ObservePorts

const messageSchema = z.looseObject({
  id: z.string(),
  /** null: the message is no event. */
  type: z.string().nullable(),
  state: z.enum(['parked', 'retrying', 'unroutable']),
  attempts: z.number(),
  reason: z.string().nullable(),
  firstFailedAt: z.string(),
  lastFailedAt: z.string(),
})

/** A message that a service could not handle, or that no queue takes. */
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

export interface Decisions {
  results: Decided[]
  /** What stopped the command after these results, null: all messages were tried. */
  stopped: ShopctlError | null
  /** Number of messages that were not tried. */
  untried: number
}

/** Most messages of one service in a list. */
export const listLimit = 10_000

interface Found {
  /** The pod that answered. */
  pod: string
  message: StuckMessage
}

/** Parked messages first, then by age, the oldest first. */
export async function listMessages(
  ports: MessagePorts,
  chosen: readonly string[] | null,
): Promise<StuckMessage[]> {
  return (await listFound(ports, chosen)).map(({ message }) => message)
}

async function listFound(ports: MessagePorts, chosen: readonly string[] | null): Promise<Found[]> {
  const state = await observe(ports)
  const lists = await settleAll(
    askedServices(ports, state, chosen).map(async (service): Promise<Found[]> => {
      const path = `${ports.management.path(service, 'messages')}?limit=${listLimit}`
      const answer = await askService(ports, state, service, path)
      const list = z
        .array(messageSchema)
        .safeParse(answer.status === 200 ? parseJson(answer.body) : null)
      if (!list.success) throw unreadable(service, detailOf(answer))
      return list.data.map((message) => ({ pod: answer.pod, message: { ...message, service } }))
    }),
  )
  const rank = ({ message: { state, firstFailedAt } }: Found): string =>
    `${state === 'parked' ? 0 : 1} ${firstFailedAt}`
  return lists.flat().sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
}

/** The chosen services, or all that have a live slot. */
function askedServices(
  { management }: MessagePorts,
  state: EnvironmentState,
  chosen: readonly string[] | null,
): string[] {
  const asked = servicesWith('messages', management, state, chosen)
  const live = asked.filter((name) => isLive(state, name))
  return chosen || live.length === 0 ? requireLive(state, asked) : live
}

/**
 * The message at every service where it is stuck. Refused when it is stuck at none. Without `reveal`, sensitive values
 * are masked.
 */
export async function findMessages(
  ports: MessagePorts,
  chosen: readonly string[] | null,
  id: string,
  reveal: boolean,
): Promise<StuckMessage[]> {
  const found = (await findPlaces(ports, chosen, id, reveal)).map(({ message }) => message)
  return reveal ? found : found.map(masked)
}

async function findPlaces(
  ports: MessagePorts,
  chosen: readonly string[] | null,
  id: string,
  reveal = false,
): Promise<Found[]> {
  const query = reveal ? '?reveal=true' : ''
  const state = await observe(ports)
  const services = askedServices(ports, state, chosen)
  const found = await settleAll(
    services.map(async (service): Promise<Found[]> => {
      const path = `${ports.management.path(service, 'messages')}/${encodeURIComponent(id)}${query}`
      const answer = await askService(ports, state, service, path)
      if (answer.status === 404 || answer.status === 400) return []
      const message = messageSchema.safeParse(answer.status === 200 ? parseJson(answer.body) : null)
      if (!message.success) throw unreadable(service, detailOf(answer))
      return [{ pod: answer.pod, message: { ...message.data, service } }]
    }),
  )
  if (found.flat().length > 0) return found.flat()
  throw refused({
    code: 'unknown-message',
    message: `No message ${id} is stuck at ${services.join(', ')}.`,
    hint: 'Run `shopctl messages list` to see the stuck messages.',
  })
}

interface DecideInput {
  decision: Decision
  /** null: all parked messages. */
  ids: readonly string[] | null
  /** For the log of the pods. */
  reason: string | null
}

/** Looks up all ids first: one wrong id is refused before anything is changed. */
export async function decideMessages(
  ports: MessagePorts,
  chosen: readonly string[] | null,
  { decision, ids, reason }: DecideInput,
): Promise<Decisions> {
  const found = ids
    ? await findParked(ports, chosen, decision, ids)
    : (await listFound(ports, chosen)).filter(isParked)
  const results: Decided[] = []
  for (const { pod, message } of found) {
    try {
      results.push(await decideOne(ports, pod, message, { decision, reason }))
    } catch (error) {
      if (!(error instanceof ShopctlError)) throw error
      if (results.length === 0 && error.kind === 'refused') throw error
      const { id, service } = message
      const reason = `${error.message} It may have been ${past[decision]}.`
      results.push({ id, service, result: 'failed', reason })
      return { results, stopped: error, untried: found.length - results.length }
    }
  }
  return { results, stopped: null, untried: 0 }
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
    message: `${id} is ${state} at ${service}, not parked.`,
    hint: `Only a parked message can be ${past[decision]}. Run \`shopctl messages list\` to see which are.`,
  })
}

const past = { replay: 'replayed', discard: 'discarded' } as const

async function decideOne(
  { management, signal }: MessagePorts,
  pod: string,
  { id, service }: StuckMessage,
  { decision, reason: why }: Pick<DecideInput, 'decision' | 'reason'>,
): Promise<Decided> {
  const query = why === null ? '' : `?reason=${encodeURIComponent(why)}`
  const path = `${management.path(service, 'messages')}/${encodeURIComponent(id)}/${decision}${query}`
  const answer = await management.ask(service, pod, 'POST', path, signal)
  if (answer && answer.status < 300) return { id, service, result: past[decision] }
  const reason = answer
    ? detailOf(answer)
    : `${pod} did not answer; it may have been ${past[decision]}`
  return { id, service, result: 'failed', reason }
}

function unreadable(service: string, answer: string): Error {
  return failed({
    code: 'bad-messages',
    message: `${service} gives a wrong answer for its messages: ${answer}`,
    hint: `Correct the messages of ${service}, then run \`shopctl release --service ${service}\`.`,
  })
}

/**
 * The message with `***` for each value that `sensitive` points to, by JSON pointers into the event. Without that list
 * the whole event is hidden. The pods of a service should have masked them already.
 */
function masked(message: StuckMessage): StuckMessage {
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
