// shopctl messages list | show | replay | discard
import type { Context } from '../context.ts'
import { failed } from '../errors.ts'
import { fitted, table } from '../output/terminal.ts'
import {
  carryOutWish,
  findMessages,
  listLimit,
  listMessages,
  masked,
  type StuckMessage,
  type Wish,
} from '../release/messages.ts'

export async function listCommand(context: Context): Promise<void> {
  const { chosen, clock, env, json, output, progress, signal } = context
  const cluster = await context.cluster()
  const found = await listMessages({ cluster, signal }, await cluster.read(), chosen)
  const messages = found.map(({ message }) => message)
  for (const service of full(messages))
    progress.warn(`${service} has more; these are its ${listLimit} oldest`)
  if (json) return output.json({ version: 1, env, messages })
  if (messages.length === 0) return output.print('No message is stuck.')
  output.print(listText(messages, clock.now(), process.stdout.columns || 80))
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
    fitted(`  ${type ?? 'no event'}: ${oneLine(reason)}`, width),
  )
  return [heading, ...lines.flatMap((line, index) => [line, whys[index] ?? ''])].join('\n')
}

function oneLine(reason: string | null): string {
  return (reason ?? '').replaceAll(/\s+/g, ' ').trim()
}

function age(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000))
  if (minutes < 1) return '< 1 min'
  if (minutes < 120) return `${minutes} min`
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} d`
}

export async function showCommand(
  context: Context,
  { id, reveal }: { id: string; reveal: boolean },
): Promise<void> {
  const { chosen, env, json, output, signal } = context
  const cluster = await context.cluster()
  const found = await findMessages({ cluster, signal }, await cluster.read(), chosen, id)
  const messages = found.map(({ message }) =>
    reveal ? message : { ...message, event: masked(message.event) },
  )
  if (json) return output.json({ version: 1, env, messages })
  output.print(messages.map(showText).join('\n\n'))
}

function showText({ event, ...message }: StuckMessage & { event?: unknown }): string {
  const { id, service, type, state, attempts, reason, firstFailedAt, lastFailedAt } = message
  const fields = table([
    ['id', id],
    ['service', service],
    ['type', type ?? 'no event'],
    ['state', `${state} after ${attempts} attempts`],
    ['failed', `first ${firstFailedAt}, last ${lastFailedAt}`],
    ['reason', oneLine(reason)],
  ])
  return `${fields}\n\n${typeof event === 'string' ? event : JSON.stringify(event, null, 2)}`
}

export async function wishCommand(
  context: Context,
  { wish, ids }: { wish: Wish; ids: readonly string[] | null },
): Promise<void> {
  const { chosen, env, json, output, signal } = context
  const cluster = await context.cluster()
  const results = await carryOutWish({ cluster, signal }, await cluster.read(), chosen, wish, ids)
  const document = { version: 1, env, messages: results }
  const bad = results.filter(({ result }) => result === 'failed')
  if (!json && results.length === 0) output.print('No message is parked.')
  else if (!json) {
    const rows = results.map(({ id, service, result }) => [id, service, result])
    output.print(table([['ID', 'SERVICE', 'RESULT'], ...rows]))
  } else if (bad.length === 0) output.json(document)
  if (bad.length === 0) return
  throw failed({
    code: `${wish}-failed`,
    message: bad.map(({ id, service, reason }) => `${id} at ${service}: ${reason}`).join('\n'),
    hint: '`shopctl messages list` shows what is still stuck.',
    document,
  })
}
