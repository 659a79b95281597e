// Sends messages to an incoming webhook of Slack, in the background. The URL is a secret: no message has it.
import { type Agent, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Slack {
  /** Returns at once. */
  post(message: object): void
  /** Waits until all messages are sent, or cannot be, but never longer than `ms`. */
  settle(ms: number): Promise<void>
}

export interface SlackOptions {
  url: URL
  /** Of the connections to this address: through a proxy, or direct. */
  agentOf(address: URL): Promise<Agent>
  /** Gets the first problem. */
  warn(problem: string): void
}

/** For one answer. */
const answerMs = 5_000
/** Slack takes a message a second. A longer pause is not worth waiting for. */
const longestPauseMs = 1_000

/** null: this is no address of a webhook. Plain HTTP is for loopback only. */
export function webhookOf(value: string): URL | null {
  const url = URL.parse(value.trim())
  const isLocal = url?.protocol === 'http:' && ['127.0.0.1', '[::1]'].includes(url.hostname)
  return url && (url.protocol === 'https:' || isLocal) ? url : null
}

export function createSlack({ url, agentOf, warn }: SlackOptions): Slack {
  let last: Promise<void> = Promise.resolve()
  let waiting = 0
  let warned = false
  const warnOnce = (problem: string): void => {
    if (!warned) warn(`Slack was not told: ${problem}.`)
    warned = true
  }
  const send = async (body: string): Promise<void> => {
    let answer = await post(url, await agentOf(url), body)
    if (answer.status === 429 && answer.pauseMs <= longestPauseMs) {
      await sleep(answer.pauseMs)
      answer = await post(url, await agentOf(url), body)
    }
    if (answer.status >= 300) warnOnce(`it answered ${answer.status}${answer.why}`)
  }
  return {
    post(message) {
      waiting += 1
      const body = JSON.stringify(message)
      last = last
        .then(() => send(body))
        .catch((problem) => warnOnce(codeOf(problem)))
        .finally(() => {
          waiting -= 1
        })
    },
    async settle(ms) {
      await Promise.race([last, sleep(ms)])
      if (waiting > 0) warnOnce('it did not answer in time')
    },
  }
}

interface Answer {
  status: number
  /** ` (no_service)`: Slack's own word for it. */
  why: string
  /** The pause that Slack asks for. */
  pauseMs: number
}

function post(url: URL, agent: Agent, body: string): Promise<Answer> {
  const send = url.protocol === 'http:' ? httpRequest : httpsRequest
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    }
    const signal = AbortSignal.timeout(answerMs)
    send(url, { method: 'POST', agent, headers, signal }, (response) => {
      text(response).then((said) => {
        const word = /^[a-z_]{1,60}$/.test(said) ? ` (${said})` : ''
        const pause = Number(response.headers['retry-after'] ?? 1)
        const pauseMs = Number.isFinite(pause) ? pause * 1_000 : Number.POSITIVE_INFINITY
        resolve({ status: response.statusCode ?? 0, why: word, pauseMs })
      }, reject)
    })
      .on('error', reject)
      .end(body)
  })
}

/** Never the message: some name the whole address. */
function codeOf(problem: unknown): string {
  const isLate = problem instanceof Error && ['TimeoutError', 'AbortError'].includes(problem.name)
  if (isLate) return `it did not answer within ${answerMs / 1_000} s`
  const code = problem instanceof Error && 'code' in problem ? String(problem.code) : 'no answer'
  return `it cannot be reached (${code})`
}
