// Reads the logs of pods as the kubelet keeps them: of the containers that run, and of their run before a restart.
import type { V1ContainerStatus, V1Pod, V1PodList } from '@kubernetes/client-node'
import type { Lines, LogQuery, PodLogs, RawLine } from '../../release/ports/logs.ts'
import type { Limit } from '../shell.ts'
import type { KubernetesApi } from './api.ts'
import { createContainerLog, type ReadEach, type Source, sinceOption } from './container-log.ts'
import { followPods } from './follow-pods.ts'
import { labels, queryOf } from './objects.ts'

/** The API server and the kubelets have limits, too. */
const atOnce = 16

export function createPodLogs(api: KubernetesApi, namespace: string, limit: Limit): PodLogs {
  const pods = `/api/v1/namespaces/${namespace}/pods`
  const readEach = createContainerLog(api, pods, limit)

  const sources = async ({ services, color }: LogQuery): Promise<Source[]> => {
    const lists = await Promise.all(
      services.map(async (service) => {
        const selector = { [labels.service]: service, ...(color && { [labels.color]: color }) }
        const list = await api.get<V1PodList>(`${pods}?${queryOf(selector)}`)
        return (list?.items ?? []).flatMap((pod) => sourcesOf(service, pod))
      }),
    )
    return lists.flat()
  }

  return {
    async read(query, matches, signal) {
      const { since, limit } = query
      const isBounded = query.text === null && query.word === null
      const options = {
        ...sinceOption(since),
        ...(isBounded && { tailLines: String(limit + 1) }),
      }
      const all: Lines = { lines: [], more: false, notes: [] }
      const found = await sources(query)
      for (let at = 0; at < found.length; at += atOnce) {
        const some = found.slice(at, at + atOnce)
        const kept = await Promise.all(
          some.map((source) => readLatest(source, { options, matches, limit, signal }, readEach)),
        )
        for (const { lines, more, notes } of kept) {
          all.lines.push(...lines)
          all.notes.push(...notes)
          all.more ||= more
        }
      }
      return all
    },
    follow: (query, matches, signal) =>
      followPods(() => sources(query), query.since, { matches, readEach, signal }),
  }
}

interface Reading {
  options: Record<string, string>
  matches(text: string): boolean
  limit: number
  signal: AbortSignal
}

/** Keeps no more than the latest lines: a log may be long. */
async function readLatest(
  source: Source,
  { options, matches, limit, signal }: Reading,
  readEach: ReadEach,
): Promise<Lines> {
  let lines: RawLine[] = []
  let more = false
  const note = await readEach(
    source,
    options,
    (line) => {
      if (matches(line.text)) lines.push(line)
      if (lines.length < 2 * limit) return
      more = true
      lines = lines.slice(-limit)
    },
    signal,
  )
  more ||= lines.length > limit
  return { lines: lines.slice(-limit), more, notes: note === null ? [] : [note] }
}

function sourcesOf(service: string, { metadata, spec, status }: V1Pod): Source[] {
  const pod = metadata?.name ?? ''
  const color = metadata?.labels?.[labels.color] ?? null
  const states = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
  const names = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].map(
    (each) => each.name,
  )
  return names.flatMap((container) => {
    const state = states.find(({ name }) => name === container)
    if (!hasStarted(state)) return []
    const restarts = state?.restartCount ?? 0
    const source = (previous: boolean): Source => {
      const run = previous ? restarts - 1 : restarts
      return {
        service,
        color,
        pod,
        container,
        previous,
        isRunning: !previous && state?.state?.running !== undefined,
        id: `${metadata?.uid} ${container} ${run}`,
      }
    }
    return restarts > 0 ? [source(true), source(false)] : [source(false)]
  })
}

/** One that never ran has no log, and a request for it is an error. */
function hasStarted(state: V1ContainerStatus | undefined): boolean {
  const runs = state?.state?.running ?? state?.state?.terminated ?? state?.lastState?.terminated
  return runs !== undefined
}
