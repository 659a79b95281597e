// shopctl release: build, push, deploy, smoke and switch, in this order and under one lock
import type { Context } from '../context.ts'
import { withLock } from '../release/lock.ts'
import type { Moved } from '../release/move.ts'
import { buildImages } from './build.ts'
import { type DeployInput, deploySlots, deployTable } from './deploy.ts'
import { pushImages } from './push.ts'
import { smokeSlots } from './smoke.ts'
import { askIfProtected, moveDocument, printMove, type SwitchInput, switchSlots } from './switch.ts'

export interface ReleaseInput {
  deploy: DeployInput
  switch: SwitchInput
}

export async function releaseCommand(context: Context, input: ReleaseInput): Promise<void> {
  await askIfProtected(context, 'release', input.switch.yes)
  await buildImages(context)
  await pushImages(context)
  const cluster = await context.cluster()
  await cluster.ensureNamespace()
  const reason = input.switch.reason ?? `release of ${context.services.join(', ')}`
  const moved = await withLock(cluster, reason, context.signal, (signal) =>
    takeLive(context, input, signal),
  )
  if (!moved) {
    if (context.json) return context.output.json(moveDocument({ release: null, services: [] }))
    return context.output.print('Everything serves already; nothing was released.')
  }
  printMove(context, moved)
  if (moved.services.some(({ from }) => from)) {
    context.progress.note(
      'What served before stands by: `shopctl rollback` goes back to it,\n`shopctl cleanup` removes it.',
    )
  }
}

/** null: what was asked for serves already. */
async function takeLive(
  context: Context,
  input: ReleaseInput,
  signal: AbortSignal,
): Promise<Moved | null> {
  const deployed = await deploySlots(context, input.deploy, signal)
  if (!context.json) context.progress.note(deployTable(deployed))
  const news = deployed.filter(({ action }) => action !== 'live').map(({ service }) => service)
  if (news.length === 0) return null
  const narrowed = { ...context, chosen: news }
  if (!input.switch.skipSmoke) await smokeSlots(narrowed, signal)
  return switchSlots(narrowed, input.switch, signal)
}
