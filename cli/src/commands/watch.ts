// shopctl watch, and the watch after switch and release

import { watchMs } from '../config/watch.ts'
import type { ClusterPorts, Context } from '../context.ts'
import { advised, ShopctlError } from '../errors.ts'
import { type Result, showText } from '../output/result.ts'
import { rollback } from '../release/move/rollback.ts'
import type { Watched } from '../release/watch/act.ts'
import { watch } from '../release/watch/watch.ts'
import { deployInput } from './deploy.ts'
import { moveDocument, movedResult } from './moved.ts'
import { gateRows, outcomeText, watchText } from './watched.ts'

interface WatchCommandInput {
  /** r-41. null: the last one. */
  release: string | null
  /** null: for what is left of its time. */
  forMs: number | null
}

export async function watchCommand(
  context: Context,
  { release, forMs }: WatchCommandInput,
): Promise<Result> {
  const ports = await context.cluster()
  return watchResult(await watchOf(context, ports, { release, forMs, probe: true }))
}

/** How a switch was done that is watched now. */
export interface AfterSwitch {
  /** null: as shopctl.yaml says. 0: not at all. */
  watchMs: number | null
  probe: boolean
  json: boolean
}

/** The result of a switch, with its watch. The proof is printed before that. */
export async function watched(
  context: Context,
  ports: ClusterPorts,
  result: Result,
  { release, watchMs: given, probe, json }: AfterSwitch & { release: string | null },
): Promise<Result> {
  const forMs = given ?? watchMs(context.environment)
  if (forMs === 0 || release === null || release === '') return result
  if (!json) showText(result)
  const found = await watchOf(context, ports, { release, forMs, probe }).catch((error) =>
    withoutWatch(release, error),
  )
  if (found instanceof ShopctlError) {
    // Where nothing was live before, there is nothing to go back to.
    if (found.code === 'no-way-back') context.progress.note(found.message)
    return { ...withText(result, ''), ...(found.code !== 'no-way-back' && { failure: found }) }
  }
  const ended = watchResult(found)
  return {
    ...withText(result, json ? '' : ended),
    document: { ...result.document, watch: found.record },
    summary: `${result.summary}; ${ended.summary}`,
    tables: [...(result.tables ?? []), ...(ended.tables ?? [])],
    ...(ended.failure && { failure: ended.failure }),
  }
}

/** What was printed already is not printed again. */
function withText(result: Result, text: Result | ''): Result {
  return { ...result, text: (width) => (text === '' ? '' : text.text(width)) }
}

/** The switch is done: only that it is not watched is left to say. */
function withoutWatch(release: string, error: unknown): ShopctlError {
  if (!(error instanceof ShopctlError)) throw error
  const advice = `${release} is live. \`shopctl watch ${release}\` watches it.`
  return error.code === 'no-way-back' ? error : (advised(error, advice) as ShopctlError)
}

async function watchOf(
  context: Context,
  ports: ClusterPorts,
  { release, forMs, probe }: WatchCommandInput & { probe: boolean },
): Promise<Watched> {
  const { config, environment } = context
  const usualMs = watchMs(environment) || 300_000
  const { watch: gates, namespace: namespaceName } = environment
  return watch(ports, {
    ...{ config, watch: gates, namespaceName, release, forMs, usualMs, probe },
    goBack: (only, reason, services) =>
      rollback(ports, {
        ...{ config, services, to: null, only, reason, probe, timeoutMs: takeoverMs },
        deployInput: async () => ({ ...(await deployInput(context)), ...again, reason }),
      }),
  })
}

/** As `rollback` has them by itself. */
const takeoverMs = 10_000
const again = { color: null, timeoutMs: 180_000 }

export function watchResult({ release, record, back, failure }: Watched): Result {
  return {
    document: {
      version: 1,
      release,
      watch: record,
      back: back && moveDocument(back.release, back.services, back),
    },
    text: (width) =>
      [
        watchText(release, record, width),
        ...(back ? ['', movedResult(back).text(width)] : []),
      ].join('\n'),
    summary: `${release}: ${outcomeText(record)}`,
    tables: [gateRows(record)],
    ...(failure && { failure }),
  }
}
