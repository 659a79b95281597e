// Reads lines from VictoriaLogs.
import type { LogQuery, LogStore } from '../../release/ports/logs.ts'
import { parseJson } from '../json.ts'
import { lineOf, missing, type StoreOptions, unread } from './store.ts'

const fields = [
  '_time',
  '_msg',
  'k8s.pod.name',
  'service.name',
  'service',
  'service.color',
  'color',
  'log.file.path',
  'log.file.record_offset',
]

/** A string of LogsQL is one of JSON. */
function quoted(text: string): string {
  return JSON.stringify(text)
}

/** In LogsQL. */
export function logsQl(
  namespace: string,
  { services, color, text, word }: Omit<LogQuery, 'since' | 'limit'>,
): string {
  const names = services.map(quoted).join()
  const literal = text?.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  const filters = [
    `{k8s.namespace.name=${quoted(namespace)}}`,
    `("service.name":in(${names}) or "service":in(${names}))`,
    ...(color ? [`("service.color":=${quoted(color)} or "color":=${quoted(color)})`] : []),
    ...(literal ? [`_msg:~${quoted(literal)}`] : []),
    ...(word ? [`_msg:${quoted(word)}`] : []),
  ]
  return `${filters.join(' ')} | fields ${fields.map(quoted).join()}`
}

export function createVictoriaLogs({ name, namespace, ask, now }: StoreOptions): LogStore {
  return {
    name,
    async read(query, signal) {
      const { since, limit } = query
      const parameters = new URLSearchParams({
        query: logsQl(namespace, query),
        start: (since ?? new Date(0)).toISOString(),
        // Those of a node whose clock is ahead, too.
        end: new Date(now().getTime() + 60_000).toISOString(),
        limit: String(limit + 1),
      })
      const answer = await ask(`/select/logsql/query?${parameters}`, signal)
      if (!answer) throw missing()
      if (answer.status !== 200) throw unread(answer)
      const found = answer.text.split('\n').filter((line) => line !== '')
      const lines = found.flatMap((line) => {
        const object = parseJson(line) as Record<string, string> | null
        if (!object) throw unread(answer)
        const { _time: time = '', _msg: text = '' } = object
        // An attribute that a line has not is empty.
        return lineOf(query, time, text, (each) => object[each] || undefined) ?? []
      })
      return { lines, more: found.length > limit, notes: [] }
    },
  }
}
