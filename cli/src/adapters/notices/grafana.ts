// One annotation of Grafana for each switch and rollback, from its start to its end. Dashboards find it by its tags.
import type { Event } from '../../release/ports/events.ts'
import { isMove, type Operation } from '../../release/record.ts'
import type { AgentOf } from '../http.ts'
import { createBackground, send } from './background.ts'

export interface Annotations {
  /** Give it every event of a command. Returns at once. */
  tell(event: Event): void
  /** Waits until Grafana has them, but never longer than `ms`. */
  settle(ms: number): Promise<void>
}

export interface AnnotationsOptions {
  /** What comes before `/api`. */
  url: URL
  /** Of a service account. A secret. null: it is not set. */
  token: string | null
  /** The variable of the token, for messages. */
  variable: string
  env: string
  agentOf: AgentOf
  /** Gets the first problem. */
  warn(problem: string): void
}

export function createAnnotations(options: AnnotationsOptions): Annotations {
  const { url, token, variable, env, agentOf, warn } = options
  const background = createBackground('Grafana', warn)
  const address = new URL(`${url.href.replace(/\/$/, '')}/api/annotations`)
  const post = async (operation: Operation): Promise<void> => {
    if (!token) return background.warn(`the variable ${variable} is not set`)
    const headers = { authorization: `Bearer ${token}`, accept: 'application/json' }
    const { status } = await send(address, agentOf, {
      headers,
      content: annotationOf(operation, env),
    })
    const needs = [401, 403].includes(status) ? '; its account has to write annotations' : ''
    if (status !== 200) background.warn(`it answered ${status}${needs}`)
  }
  return {
    tell({ kind, payload }) {
      if (kind !== 'operation.ended') return
      const { operation } = payload
      // One that failed before its first write has nothing to show.
      const isShown = operation.outcome === 'done' || operation.outcome === 'undone'
      if (isMove(operation) && isShown) background.run(() => post(operation))
    },
    settle: background.settle,
  }
}

/** Times are milliseconds since 1970. Without a dashboard, it belongs to all of the organization. */
function annotationOf(operation: Operation, env: string): object {
  const { verb, release, services, startedAt, endedAt, by, reason, outcome } = operation
  const names = services.map(({ name }) => name)
  const moves = services.map(({ name, from, to }) => `${name}: ${sideOf(from)} → ${sideOf(to)}`)
  const back = outcome === 'undone' ? ', put back' : ''
  const lines = [`${verb} ${release}${back} by ${by}`, ...moves, ...(reason ? [reason] : [])]
  const time = Date.parse(startedAt)
  return {
    time,
    timeEnd: Date.parse(endedAt ?? startedAt),
    tags: [env, `${release}`, ...names, verb],
    text: lines.join('\n'),
  }
}

function sideOf(side: { color: string; version: string } | null): string {
  return side ? `${side.color} ${side.version}` : 'nothing'
}
