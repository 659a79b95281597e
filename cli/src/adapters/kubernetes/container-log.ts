// Reads the log of one container, to its end or while it is written.
import { text } from 'node:stream/consumers'
import { said } from '../../errors.ts'
import type { RawLine } from '../../release/ports/logs.ts'
import { lateError } from '../repeat.ts'
import type { Limit } from '../shell.ts'
import { isDenied, type KubernetesApi } from './api.ts'

/** One run of a container. */
export interface Source {
  service: string
  color: string | null
  pod: string
  container: string
  previous: boolean
  isRunning: boolean
  /** Names the run. */
  id: string
}

/** Calls `found` with each line. Returns a note if the log could not be read to its end. */
export type ReadEach = (
  source: Source,
  options: Record<string, string>,
  found: (line: RawLine) => void,
  signal: AbortSignal,
) => Promise<string | null>

/** `limit`: for the first byte, and for each further one. New lines of a log that is followed may take any time. */
export function createContainerLog(api: KubernetesApi, pods: string, limit: Limit): ReadEach {
  const timeoutMs = limit.seconds * 1_000
  return async (source, options, found, signal) => {
    const { service, color, pod, container, previous } = source
    const asked = { container, previous: String(previous), timestamps: 'true', ...options }
    const path = `${pods}/${pod}/log?${new URLSearchParams(asked)}`
    const mayWait = options.follow === 'true'
    try {
      const request = { method: 'GET', path, signal, retry: 'read', timeoutMs, mayWait } as const
      const response = await api.open(request)
      const status = response.statusCode ?? 0
      if (!mayWait || status !== 200)
        response.setTimeout(timeoutMs, () => response.destroy(lateError(timeoutMs)))
      if (status !== 200) {
        const body = await text(response)
        // It has written nothing yet, or the kubelet has deleted it.
        if (status === 400) return null
        if (status === 404) return `${pod} ended before its log was read`
        throw api.errorOf(status, 'GET', path, body)
      }
      let latest = ''
      for await (const line of linesIn(response.setEncoding('utf8'))) {
        const [time, words] = timeAndText(line, latest)
        latest = time
        found({ time, service, color, pod, text: words, place: null })
      }
      return null
    } catch (error) {
      if (signal.aborted || isDenied(error)) throw error
      return `the log of ${pod} broke off: ${said(error)}`
    }
  }
}

export function sinceOption(since: Date | null): Record<string, string> {
  return since ? { sinceTime: since.toISOString() } : {}
}

/** Only a new line ends a line. A text may have other characters that end lines elsewhere. */
async function* linesIn(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of chunks) {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}

const timePattern = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/

/** What the kubelet itself has to say has no time: it gets the one of the line before. */
function timeAndText(line: string, latest: string): [string, string] {
  const end = line.indexOf(' ')
  const [time, words] = end < 0 ? [line, ''] : [line.slice(0, end), line.slice(end + 1)]
  const isTime = timePattern.test(time) && !Number.isNaN(Date.parse(time))
  return isTime ? [time, words] : [latest, line]
}
