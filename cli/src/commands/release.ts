// shopctl release: build, push, deploy, smoke and switch, in this order and under one lock
import type { Context } from '../context.ts'
import type { Result } from '../output/result.ts'
import { withLock } from '../release/lock.ts'
import type { Moved } from '../release/move.ts'
import { buildImages } from './build.ts'
import { deploySlots, deployTable } from './deploy.ts'
import { pushImages } from './push.ts'
import { smokeSlots } from './smoke.ts'
import {
  askIfProtected,
  moveDocument,
  moveResult,
  type SwitchInput,
  switchSlots,
} from './switch.ts'

export interface ReleaseInput extends SwitchInput {
  deployTimeoutMs: number
}

export async function releaseCommand(context: Context, input: ReleaseInput): Promise<Result> {
  await askIfProtected(context, 'release', input.yes)
  await buildImages(context)
  await pushImages(context)
  const cluster = await context.cluster()
  await cluster.ensureNamespace()
  const reason = input.reason ?? `release of ${context.services.join(', ')}`
  const moved = await withLock(cluster, reason, context.signal, (signal) =>
    takeLive(context, input, signal),
  )
  if (!moved) {
    const nothing = 'Everything serves already; nothing was released.'
    return {
      document: moveDocument({ release: null, services: [] }),
      text: () => nothing,
      summary: nothing,
    }
  }
  if (moved.services.some(({ from }) => from)) {
    context.progress.note(
      'What served before stands by: `shopctl rollback` goes back to it,\n`shopctl cleanup` removes it.',
    )
  }
  return moveResult(moved)
}

/** null: what was asked for serves already. */
async function takeLive(
  context: Context,
  input: ReleaseInput,
  signal: AbortSignal,
): Promise<Moved | null> {
  const { color, deployTimeoutMs } = input
  const deployed = await deploySlots(context, { color, timeoutMs: deployTimeoutMs }, signal)
  context.progress.note(deployTable(deployed))
  const news = deployed.filter(({ action }) => action !== 'live').map(({ service }) => service)
  if (news.length === 0) return null
  const narrowed = { ...context, chosen: news }
  if (!input.skipSmoke) await smokeSlots(narrowed, signal)
  return switchSlots(narrowed, { ...input, color: null }, signal)
}
