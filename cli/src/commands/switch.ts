// shopctl switch
import type { Context } from '../context.ts'
import { refused } from '../errors.ts'
import { confirm } from '../output/confirm.ts'
import type { Result } from '../output/result.ts'
import { table } from '../output/table.ts'
import { withLock } from '../release/lock.ts'
import { type Moved, move, type Proof } from '../release/move.ts'
import { type MovePlan, planSwitch, type Refusal } from '../release/plan.ts'
import type { Color, EnvironmentState } from '../release/state.ts'
import { checkBroker } from '../release/topology.ts'

export interface MoveInput {
  reason: string | null
  timeoutMs: number
  /** Needs no confirmation in a protected environment. */
  yes: boolean
}

export interface SwitchInput extends MoveInput {
  color: Color | null
  skipSmoke: boolean
}

/** Under the lock, which the caller holds. `preflight` runs beside what is read, and may refuse. */
export async function carryOutMove(
  context: Context,
  planned: (state: EnvironmentState) => MovePlan | Refusal,
  { reason, timeoutMs }: MoveInput,
  signal: AbortSignal,
  preflight: () => Promise<void> = async () => {},
): Promise<Moved> {
  const cluster = await context.cluster()
  const [state] = await Promise.all([cluster.read(), preflight()])
  const plan = planned(state)
  if (plan.kind === 'refusal') throw refused(plan)
  const { progress, clock, user } = context
  for (const line of plan.stays ?? []) progress.warn(line)
  return move({ cluster, progress, clock, signal }, state, plan, { by: user, reason, timeoutMs })
}

/** Before the lock is taken: nobody should wait for somebody's answer. */
export async function askIfProtected(context: Context, verb: string, yes: boolean): Promise<void> {
  const { environment, env, services } = context
  if (!environment.protected || yes) return
  if (await confirm(`${verb} ${services.join(', ')} in ${env}?`, context.signal)) return
  throw refused({
    code: 'not-confirmed',
    message: `${env} is protected, and the ${verb} was not confirmed.`,
    hint: `Answer y at a terminal, or run \`shopctl ${verb} --env ${env} --yes\`.`,
  })
}

export function switchSlots(
  context: Context,
  input: SwitchInput,
  signal: AbortSignal,
): Promise<Moved> {
  return carryOutMove(
    context,
    (state) =>
      planSwitch(state, {
        services: context.chosen,
        color: input.color,
        skipSmoke: input.skipSmoke,
      }),
    input,
    signal,
    async () => {
      const broker = await context.broker()
      if (broker) await checkBroker(broker)
    },
  )
}

export async function switchCommand(context: Context, input: SwitchInput): Promise<Result> {
  await askIfProtected(context, 'switch', input.yes)
  const reason = input.reason ?? `switch of ${context.services.join(', ')}`
  const moved = await withLock(await context.cluster(), reason, context.signal, (signal) =>
    switchSlots(context, input, signal),
  )
  return moveResult(moved)
}

export function moveDocument({
  release,
  services,
}: {
  release: string | null
  services: readonly Pick<Proof, 'name' | 'from' | 'to' | 'epoch'>[]
}): object {
  return {
    version: 1,
    release,
    services: services.map(({ name, from, to, epoch }) => ({
      name,
      from: from?.color ?? null,
      to: to?.color ?? null,
      epoch,
    })),
    probe: null,
  }
}

export function moveResult(moved: Moved): Result {
  const rows = moved.services.map(({ name, from, to, endpointsMs, consumersMs }) => [
    name,
    from ? `${from.color} ${from.version}` : '-',
    to ? `${to.color} ${to.version}` : '-',
    `${endpointsMs} ms`,
    `${consumersMs} ms`,
  ])
  return {
    document: moveDocument(moved),
    text: (width) =>
      [
        moved.release,
        ...(rows.length > 0
          ? [table([['SERVICE', 'FROM', 'TO', 'HTTP', 'EVENTS'], ...rows], width)]
          : []),
      ].join('\n'),
    summary: `${moved.release} serves.`,
  }
}
