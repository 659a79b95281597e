// shopctl watch, and the watch after switch and release

import { watchMs } from '../config/watch.ts'
import type { ClusterPorts, Context } from '../context.ts'
import { advised, ShopctlError } from '../errors.ts'
import { type ErrorDocument, errorDocument } from '../output/errors.ts'
import { type Outputs, type Result, showText } from '../output/result.ts'
import type { Watched } from '../release/watch/act.ts'
import type { WatchRecord } from '../release/watch-record.ts'
import { movedResult } from './moved.ts'
import { gateRows, outcomeText, watchText } from './watched.ts'

interface WatchCommandInput {
  /** r-41. null: the last one. */
  release: string | null
  /** null: for what is left of its time. */
  forMs: number | null
  /** How long a slot may take to take over in its rollback. */
  timeoutMs: number
}

export async function watchCommand(context: Context, input: WatchCommandInput): Promise<Result> {
  const ports = await context.cluster()
  return watchResult(await watchOf(context, ports, { ...input, probe: true }))
}

/** How a switch was done that is watched now. */
export interface AfterSwitch {
  /** null: as shopctl.yaml says. 0: not at all. */
  watchMs: number | null
  probe: boolean
  json: boolean
  timeoutMs: number
}

/** The result of a switch, with its watch. The proof is printed before that. */
export async function watched(
  context: Context,
  ports: ClusterPorts,
  result: Result,
  { release, watchMs: given, probe, json, timeoutMs }: AfterSwitch & { release: string | null },
): Promise<Result> {
  const forMs = given ?? watchMs(context.environment)
  if (forMs === 0 || release === null || release === '') return result
  if (!json) showText(result)
  const found = await watchOf(context, ports, { release, forMs, probe, timeoutMs }).catch((error) =>
    withoutWatch(release, error),
  )
  if (found instanceof ShopctlError) {
    // Where nothing was live before, there is nothing to go back to.
    const failure = found.code === 'no-way-back' ? null : found
    if (!failure) context.progress.note(found.message)
    const document = { ...result.document, watch: null, back: null, ...errorOf(failure) }
    return { ...withText(result, ''), document, ...(failure && { failure }) }
  }
  const ended = watchResult(found)
  const { watch: record, back, error } = ended.document
  return {
    ...withText(result, json ? '' : ended),
    document: { ...result.document, watch: record, back, error },
    summary: `${result.summary}; ${ended.summary}`,
    tables: [...(result.tables ?? []), ...(ended.tables ?? [])],
    outputs: liveOutputs(result.outputs, ended.outputs),
    ...(ended.failure && { failure: ended.failure }),
  }
}

/** What is live in the end. A service that has no way back stays as the switch has left it. */
function liveOutputs(outputs: Outputs = {}, back: Outputs = {}): Outputs {
  const colors = { ...outputs.colors, ...back.colors }
  return { ...outputs, ...back, ...(Object.keys(colors).length > 0 && { colors }) }
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
  { release, forMs, probe, timeoutMs }: WatchCommandInput & { probe: boolean },
): Promise<Watched> {
  const { config, environment } = context
  const usualMs = watchMs(environment) || 300_000
  const { watch: gates, namespace: namespaceName } = environment
  // Most switches are not watched: they do not load this.
  const [{ watch }, { rollback }] = await Promise.all([
    import('../release/watch/watch.ts'),
    import('../release/move/rollback.ts'),
  ])
  return watch(ports, {
    config,
    watch: gates,
    namespaceName,
    release,
    forMs,
    usualMs,
    probe,
    goBack: (only, reason, services) =>
      rollback(ports, {
        config,
        services,
        to: null,
        only,
        reason,
        probe,
        timeoutMs,
        lockWaitMs,
      }),
  })
}

/** Nobody may be there to try again, so it waits for as long as a watch may last, also for a person. */
const lockWaitMs = 1_800_000

interface WatchDocument {
  version: 1
  release: string
  watch: WatchRecord
  /** The document of the rollback. null: there was none. */
  back: object | null
  error: ErrorDocument | null
}

export function watchResult({
  release,
  record,
  back,
  failure,
}: Watched): Result & { document: WatchDocument } {
  const moved = back && movedResult(back)
  return {
    document: {
      version: 1,
      release,
      watch: record,
      back: moved?.document ?? null,
      ...errorOf(failure),
    },
    text: (width) =>
      [watchText(release, record, width), ...(moved ? ['', moved.text(width)] : [])].join('\n'),
    summary: `${release}: ${outcomeText(record)}`,
    tables: [gateRows(record)],
    ...(moved?.outputs && { outputs: moved.outputs }),
    ...(failure && { failure }),
  }
}

function errorOf(failure: ShopctlError | null): { error: ErrorDocument | null } {
  return { error: failure && errorDocument(failure) }
}
