// Reads the logs of pods as the kubelet keeps them: of the containers that run, and of their run before a restart.
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { V1ContainerStatus, V1Pod, V1PodList } from '@kubernetes/client-node'
import { said } from '../../errors.ts'
import type { Lines, LogQuery, PodLogs, RawLine } from '../../release/ports/logs.ts'
import { isDenied, type KubernetesApi } from './api.ts'
import { labels, queryOf } from './objects.ts'

/** One run of a container. */
interface Source {
  service: string
  color: string | null
  pod: string
  container: string
  previous: boolean
  /** Names the run. */
  id: string
}

type Matches = (text: string) => boolean

/** The API server and the kubelets have limits, too. */
const atOnce = 16
/** New lines are handed over, and every tenth time new pods are looked for. */
const waitMs = 200
const looksEvery = 10
/** A container that is silent sends nothing, not even a status. */
const silentMs = 3_600_000

export function createPodLogs(api: KubernetesApi, namespace: string): PodLogs {
  const pods = `/api/v1/namespaces/${namespace}/pods`

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

  /** Calls `found` with each line. Returns a note if the log could not be read to its end. */
  const readEach = async (
    { service, color, pod, container, previous }: Source,
    options: Record<string, string>,
    found: (line: RawLine) => void,
    signal: AbortSignal,
    timeoutMs?: number,
  ): Promise<string | null> => {
    const asked = { container, previous: String(previous), timestamps: 'true', ...options }
    const path = `${pods}/${pod}/log?${new URLSearchParams(asked)}`
    const limit = timeoutMs === undefined ? {} : { timeoutMs }
    try {
      const response = await api.open({ method: 'GET', path, signal, retry: 'read', ...limit })
      const status = response.statusCode ?? 0
      if (status !== 200) {
        const body = await text(response)
        // It has written nothing yet, or the kubelet has deleted it.
        if (status === 400) return null
        if (status === 404) return `${pod} ended before its log was read`
        throw api.errorOf(status, 'GET', path, body)
      }
      const lines = createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })
      for await (const line of lines) {
        const end = line.indexOf(' ')
        const [time, words] = end < 0 ? [line, ''] : [line.slice(0, end), line.slice(end + 1)]
        found({ time, service, color, pod, text: words, place: null })
      }
      return null
    } catch (error) {
      if (signal.aborted || isDenied(error)) throw error
      return `the log of ${pod} broke off: ${said(error)}`
    }
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
      followAll(() => sources(query), query.since, { matches, readEach, signal }),
  }
}

type ReadEach = (
  source: Source,
  options: Record<string, string>,
  found: (line: RawLine) => void,
  signal: AbortSignal,
  timeoutMs?: number,
) => Promise<string | null>

function sinceOption(since: Date | null): Record<string, string> {
  return since ? { sinceTime: since.toISOString() } : {}
}

interface Reading {
  options: Record<string, string>
  matches: Matches
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

interface Following {
  matches: Matches
  readEach: ReadEach
  signal: AbortSignal
}

/** Follows each run of a container. One that starts later is found by looking again. */
async function* followAll(
  sources: () => Promise<Source[]>,
  since: Date | null,
  { matches, readEach, signal }: Following,
): AsyncGenerator<RawLine | string> {
  const found: (RawLine | string)[] = []
  /** By id: from when on to read, once it is not followed any more. */
  const broken = new Map<string, { pod: string; from: Date | null }>()
  const followed = new Set<string>()
  const follow = async (source: Source, from: Date | null): Promise<void> => {
    const { id, pod } = source
    let last = from
    const put = (line: RawLine): void => {
      last = new Date(line.time)
      if (matches(line.text)) found.push(line)
    }
    const options = { ...sinceOption(from), follow: 'true' }
    const note = await readEach(source, options, put, signal, silentMs).catch(said)
    if (note === null) found.push(`${pod} has ended`)
    // The API server ends long connections, and may be away.
    else broken.set(id, { pod, from: last })
  }
  const look = async (isFirst: boolean): Promise<void> => {
    const first = isFirst ? since : null
    const running = (await sources()).filter(({ previous }) => !previous)
    for (const source of running) {
      const { id } = source
      const again = broken.get(id)
      if (followed.has(id) && !again) continue
      followed.add(id)
      broken.delete(id)
      void follow(source, again ? again.from : first)
    }
    for (const [id, { pod }] of broken) {
      found.push(`${pod} has ended`)
      broken.delete(id)
    }
  }
  let isFirst = true
  for (let waited = 0; !signal.aborted; waited += 1) {
    if (waited % looksEvery === 0) {
      const hasLooked = await look(isFirst).then(
        () => true,
        () => false,
      )
      if (hasLooked) isFirst = false
    }
    await sleep(waitMs)
    yield* found.splice(0)
  }
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
