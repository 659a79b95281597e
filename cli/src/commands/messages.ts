// shopctl messages list | show | replay | discard
import type { Context } from '../context.ts'
import { failed } from '../errors.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { age, fitted, oneLine } from '../output/text.ts'
import {
  carryOutWish,
  findMessages,
  listLimit,
  listMessages,
  masked,
  type StuckMessage,
  type Wish,
} from '../release/messages.ts'
import { askIfProtected } from './switch.ts'

export async function messagesListCommand(context: Context): Promise<Result> {
  const { chosen, clock, env, progress, signal } = context
  const cluster = await context.cluster()
  const found = await listMessages({ cluster, signal }, await cluster.read(), chosen)
  const messages = found.map(({ message }) => message)
  for (const service of full(messages))
    progress.warn(`${service} has more; these are its ${listLimit} oldest`)
  const none = 'No message is stuck.'
  return {
    document: { version: 1, env, messages },
    text: (width) => (messages.length === 0 ? none : listText(messages, clock.now(), width)),
    summary: messages.length === 0 ? none : `${messages.length} messages are stuck.`,
  }
}

/** The services of which not all messages came. */
function full(messages: readonly StuckMessage[]): string[] {
  return [...new Set(messages.map(({ service }) => service))].filter(
    (name) => messages.filter(({ service }) => service === name).length >= listLimit,
  )
}

/** Two lines for each: an id and a reason do not go into one. */
export function listText(messages: readonly StuckMessage[], now: Date, width: number): string {
  const rows = messages.map(({ id, service, state, attempts, firstFailedAt }) => [
    id,
    service,
    state,
    `${attempts}`,
    age(now.getTime() - Date.parse(firstFailedAt)),
  ])
  const [heading = '', ...lines] = table([
    ['ID', 'SERVICE', 'STATE', 'TRIES', 'AGE'],
    ...rows,
  ]).split('\n')
  const whys = messages.map(({ type, reason }) =>
    fitted(`  ${type ?? 'no event'}: ${oneLine(reason ?? '')}`, width),
  )
  return [heading, ...lines.flatMap((line, index) => [line, whys[index] ?? ''])].join('\n')
}

export async function messagesShowCommand(
  context: Context,
  { id, reveal }: { id: string; reveal: boolean },
): Promise<Result> {
  const { chosen, env, signal } = context
  const cluster = await context.cluster()
  const found = await findMessages({ cluster, signal }, await cluster.read(), chosen, id)
  const messages = found.map(({ message }) =>
    reveal ? message : { ...message, event: masked(message.event) },
  )
  return {
    document: { version: 1, env, messages },
    text: () => messages.map(showText).join('\n\n'),
    summary: `${messages.length} messages of ${id}.`,
  }
}

function showText({ event, ...message }: StuckMessage & { event?: unknown }): string {
  const { id, service, type, state, attempts, reason, firstFailedAt, lastFailedAt } = message
  const fields = table([
    ['id', id],
    ['service', service],
    ['type', type ?? 'no event'],
    ['state', `${state} after ${attempts} attempts`],
    ['failed', `first ${firstFailedAt}, last ${lastFailedAt}`],
    ['reason', oneLine(reason ?? '')],
  ])
  return `${fields}\n\n${typeof event === 'string' ? event : JSON.stringify(event, null, 2)}`
}

export interface ChoiceInput {
  /** null: all. */
  ids: readonly string[] | null
  reason: string | null
  yes: boolean
}

export function messagesReplayCommand(context: Context, input: ChoiceInput): Promise<Result> {
  return wishCommand(context, 'replay', input)
}

export function messagesDiscardCommand(context: Context, input: ChoiceInput): Promise<Result> {
  return wishCommand(context, 'discard', input)
}

async function wishCommand(
  context: Context,
  wish: Wish,
  { ids, yes }: ChoiceInput,
): Promise<Result> {
  await askIfProtected(context, `messages ${wish}`, yes)
  const { chosen, env, signal } = context
  const cluster = await context.cluster()
  const results = await carryOutWish({ cluster, signal }, await cluster.read(), chosen, wish, ids)
  const bad = results.filter(({ result }) => result === 'failed')
  const rows = results.map(({ id, service, result }) => [id, service, result])
  const none = 'No message is parked.'
  const shown = {
    document: { version: 1, env, messages: results },
    text: (width: number) =>
      rows.length === 0 ? none : table([['ID', 'SERVICE', 'RESULT'], ...rows], width),
    summary: rows.length === 0 ? none : `${wish} of ${rows.length} messages.`,
  }
  if (bad.length === 0) return shown
  const failure = failed({
    code: `${wish}-failed`,
    message: bad.map(({ id, service, reason }) => `${id} at ${service}: ${reason}`).join('\n'),
    hint: '`shopctl messages list` shows what is still stuck.',
  })
  return { ...shown, failure }
}
