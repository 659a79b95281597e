// shopctl messages list | show | replay | discard
import type { Context } from '../context.ts'
import { ShopctlError } from '../errors.ts'
import {
  type Decided,
  type Decision,
  type Decisions,
  decideMessages,
  findMessages,
  listLimit,
  listMessages,
  type StuckMessage,
} from '../inspect/messages.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { age, fitted, oneLine } from '../output/text.ts'
import { type ChangeInput, confirmChange } from './confirm.ts'

export async function messagesListCommand(context: Context): Promise<Result> {
  const { chosen, clock, env, progress } = context
  const messages = await listMessages(await context.cluster(), chosen)
  for (const service of full(messages))
    progress.warn(`${service} has more messages; these are its ${listLimit} oldest`)
  const nothing = 'No message is stuck.'
  return {
    document: { version: 1, env, messages },
    text: (width) => (messages.length === 0 ? nothing : listText(messages, clock.now(), width)),
    summary: messages.length === 0 ? nothing : `${messages.length} messages are stuck`,
  }
}

/** The services that have more messages than were read. */
function full(messages: readonly StuckMessage[]): string[] {
  return [...new Set(messages.map(({ service }) => service))].filter(
    (name) => messages.filter(({ service }) => service === name).length >= listLimit,
  )
}

/** Two lines per message: an id and a reason do not fit into one. */
export function listText(messages: readonly StuckMessage[], now: Date, width: number): string {
  const rows = messages.map(({ id, service, state, attempts, firstFailedAt }) => [
    id,
    service,
    state,
    `${attempts}`,
    age(now.getTime() - Date.parse(firstFailedAt)),
  ])
  const heading = ['ID', 'SERVICE', 'STATE', 'TRIES', 'AGE']
  const whole = table([heading, ...rows], width).split('\n')
  const linesEach = whole.length / (rows.length + 1)
  const whys = messages.map(({ type, reason }) =>
    fitted(`  ${type ?? 'no event'}: ${oneLine(reason ?? '')}`, Math.min(width, 200)),
  )
  const groups = rows.map((_, index) => [
    ...whole.slice((index + 1) * linesEach, (index + 2) * linesEach),
    whys[index] ?? '',
  ])
  return [...whole.slice(0, linesEach), ...groups.flat()].join('\n')
}

export async function messagesShowCommand(
  context: Context,
  { id, reveal }: { id: string; reveal: boolean },
): Promise<Result> {
  const messages = await findMessages(await context.cluster(), context.chosen, id, reveal)
  return {
    document: { version: 1, env: context.env, messages },
    text: (width) => messages.map((message) => showText(message, width)).join('\n\n'),
    summary: messages.map(({ service, state }) => `${state} at ${service}`).join(', '),
    isPrivate: true,
  }
}

function showText({ event, ...message }: StuckMessage, width: number): string {
  const { id, service, type, state, attempts, reason, firstFailedAt, lastFailedAt } = message
  const fields = table(
    [
      ['id', id],
      ['service', service],
      ['type', type ?? 'no event'],
      ['state', `${state} after ${attempts} attempts`],
      ['failed', `first ${firstFailedAt}, last ${lastFailedAt}`],
      ['reason', oneLine(reason ?? '')],
    ],
    width,
  )
  return `${fields}\n\n${typeof event === 'string' ? event : JSON.stringify(event, null, 2)}`
}

interface DecisionInput extends ChangeInput {
  /** null: all parked messages. */
  ids: readonly string[] | null
}

export function messagesReplayCommand(context: Context, input: DecisionInput): Promise<Result> {
  return decide(context, 'replay', input)
}

export function messagesDiscardCommand(context: Context, input: DecisionInput): Promise<Result> {
  return decide(context, 'discard', input)
}

async function decide(
  context: Context,
  decision: Decision,
  { ids, reason, yes }: DecisionInput,
): Promise<Result> {
  await confirmChange(context, `messages ${decision}`, yes)
  const ports = await context.cluster()
  const decisions = await decideMessages(ports, context.chosen, { decision, ids, reason })
  const { results } = decisions
  const failures = results.filter(({ result }) => result === 'failed')
  const rows = results.map(({ id, service, result }) => [id, service, result])
  const nothing = 'No message is parked.'
  return {
    document: { version: 1, env: context.env, messages: results },
    text: (width) =>
      rows.length === 0 ? nothing : table([['ID', 'SERVICE', 'RESULT'], ...rows], width),
    summary: `${results.length - failures.length} of ${results.length + decisions.untried} done`,
    ...(failures.length > 0 && { failure: notDecided(decision, decisions, failures) }),
  }
}

function notDecided(
  decision: Decision,
  { stopped, untried }: Decisions,
  failures: readonly Decided[],
): ShopctlError {
  const lines = failures.map(({ id, service, reason }) => `${id} at ${service}: ${reason}`)
  return new ShopctlError(stopped?.kind === 'interrupted' ? 'interrupted' : 'failed', {
    code: stopped?.code ?? `${decision}-failed`,
    message: [...lines, ...(untried > 0 ? [`Not tried: ${untried}.`] : [])].join('\n'),
    hint: 'Run `shopctl messages list` to see what is still stuck.',
  })
}
