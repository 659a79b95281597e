// What the stores of logs have in common: the names that the collector gives to what it knows of a line.
import { failed } from '../../errors.ts'
import type { LogQuery, RawLine } from '../../release/ports/logs.ts'

export interface Answer {
  status: number
  text: string
}

export interface StoreOptions {
  name: string
  namespace: string
  /** Sends a GET; `path` begins with a slash. null: there is no store. */
  ask(path: string, signal: AbortSignal): Promise<Answer | null>
  now(): Date
}

/** The attributes of a line. A store may write another character for a dot. */
type Attributes = (name: string) => string | undefined

/** null: it is not of one of the services that are asked for. */
export function lineOf(
  { services, color }: LogQuery,
  time: string,
  text: string,
  attribute: Attributes,
): RawLine | null {
  // Those of the pod first: anybody may write a line.
  const service = attribute('service.name') ?? attribute('service') ?? ''
  const own = attribute('service.color') ?? attribute('color') ?? null
  if (!services.includes(service) || (color !== null && own !== color)) return null
  const file = attribute('log.file.path')
  const offset = attribute('log.file.record_offset')
  return {
    time,
    service,
    color: own,
    text,
    pod: attribute('k8s.pod.name') ?? '',
    // A file that is rotated gets another name.
    place:
      file === undefined || offset === undefined
        ? null
        : { file: file.replace(/\.log\..*$/, '.log'), offset: Number(offset) },
  }
}

export function missing(): Error {
  return failed({ code: 'no-log-store', message: 'there is no such Service' })
}

export function unread({ status, text }: Answer): Error {
  const why = text.trim().split('\n')[0]?.slice(0, 200) ?? ''
  return failed({ code: 'log-store', message: `it answered ${status}: ${why}` })
}
