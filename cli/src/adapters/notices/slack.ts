// Sends messages to an incoming webhook of Slack. Its URL is a secret: nothing that is shown has it.
import { setTimeout as sleep } from 'node:timers/promises'
import type { AgentOf } from '../http.ts'
import { createBackground, send } from './background.ts'

export interface Slack {
  /** Returns at once. */
  post(message: object): void
  /** Waits until all messages are sent, or cannot be, but never longer than `ms`. */
  settle(ms: number): Promise<void>
}

export interface SlackOptions {
  url: URL
  agentOf: AgentOf
  /** Gets the first problem. */
  warn(problem: string): void
}

/** Slack takes a message a second. A longer pause is not worth waiting for. */
const longestPauseMs = 1_000

export function createSlack({ url, agentOf, warn }: SlackOptions): Slack {
  const background = createBackground('Slack', warn)
  const deliver = async (content: object): Promise<void> => {
    let answer = await send(url, agentOf, { content })
    if (answer.status === 429 && answer.pauseMs <= longestPauseMs) {
      await sleep(answer.pauseMs)
      answer = await send(url, agentOf, { content })
    }
    const { status, body } = answer
    // Slack's own word for it, such as `no_service`.
    const word = /^[a-z_]{1,60}$/.test(body) ? ` (${body})` : ''
    if (status >= 300) background.warn(`it answered ${status}${word}`)
  }
  return {
    post: (message) => background.run(() => deliver(message)),
    settle: background.settle,
  }
}
