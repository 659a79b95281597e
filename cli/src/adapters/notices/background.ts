// Requests to others about a release, one after the other in the background: they neither stop it nor slow it down.
import { setTimeout as sleep } from 'node:timers/promises'
import { type AgentOf, sendOnce } from '../http.ts'
import { staysSecret } from '../loopback.ts'

export interface Background {
  /** Returns at once. */
  run(task: () => Promise<void>): void
  /** Only the first problem is shown. */
  warn(problem: string): void
  /** Waits until all is done, but never longer than `ms`. */
  settle(ms: number): Promise<void>
}

/** `who` gets the requests: `Slack`. `warn` gets the first problem. */
export function createBackground(who: string, warn: (problem: string) => void): Background {
  let last: Promise<void> = Promise.resolve()
  let waiting = 0
  let warned = false
  let isSilent = false
  const warnOnce = (problem: string): void => {
    if (!warned) warn(`${who} was not told: ${problem}.`)
    warned = true
  }
  return {
    warn: warnOnce,
    run(task) {
      waiting += 1
      last = last
        .then(task)
        .catch((error) => {
          isSilent ||= isLate(error)
          warnOnce(reasonOf(error))
        })
        .finally(() => {
          waiting -= 1
        })
    },
    async settle(ms) {
      // Who was silent once would only delay the end.
      await Promise.race([last, sleep(isSilent ? 0 : ms)])
      if (waiting > 0) warnOnce('it did not answer in time')
    },
  }
}

/** null: no address, or none where a secret may be sent. */
export function safeAddress(value: string): URL | null {
  const url = URL.parse(value.trim())
  return url && staysSecret(url) ? url : null
}

export interface Answer {
  status: number
  body: string
  /** The pause that it asks for. */
  pauseMs: number
}

/** For one answer. */
const answerMs = 5_000

/** Follows no redirect: what is sent is for this address only. */
export async function send(
  url: URL,
  agentOf: AgentOf,
  { method = 'POST', headers = {}, content }: SendOptions,
): Promise<Answer> {
  const body = content === undefined ? '' : JSON.stringify(content)
  const all = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  }
  const signal = AbortSignal.timeout(answerMs)
  const answer = await sendOnce(url, { method, headers: all, body, signal }, await agentOf(url))
  const pause = Number(answer.headers.get('retry-after') ?? 1)
  const pauseMs = Number.isFinite(pause) ? pause * 1_000 : Number.POSITIVE_INFINITY
  return { status: answer.status, body: await answer.text(), pauseMs }
}

interface SendOptions {
  method?: 'GET' | 'POST'
  headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  content?: object
}

/** Never the message: some name the whole address, which may be a secret. */
function reasonOf(problem: unknown): string {
  if (isLate(problem)) return `it did not answer within ${answerMs / 1_000} s`
  const code = problem instanceof Error && 'code' in problem ? String(problem.code) : 'no answer'
  return `it cannot be reached (${code})`
}

function isLate(problem: unknown): boolean {
  return problem instanceof Error && ['TimeoutError', 'AbortError'].includes(problem.name)
}
