// One GitHub Deployment for each switch: in progress, then success or failure. A rollback marks the one that it undoes.
import { z } from 'zod'
import type { Event } from '../../release/ports/events.ts'
import type { Operation } from '../../release/record.ts'
import type { AgentOf } from '../http.ts'
import { parseJson } from '../json.ts'
import { type Answer, createBackground, send } from './background.ts'

export interface Deployments {
  /** Give it every event of a command, in order. Returns at once. */
  tell(event: Event): void
  /** Waits until GitHub knows all of it, but never longer than `ms`. */
  settle(ms: number): Promise<void>
}

export interface DeploymentsOptions {
  /** `https://api.github.com` */
  api: URL
  /** `owner/name` */
  repository: string
  /** The commit. */
  ref: string
  /** A secret. It needs `deployments: write`. */
  token: string
  env: string
  /** The URL of the run. */
  run: string | null
  agentOf: AgentOf
  /** Gets the first problem. */
  warn(problem: string): void
}

type State = 'in_progress' | 'success' | 'failure' | 'error'

/** Tells them from deployments that others make. */
const task = 'deploy:shopctl'
/** The one that a rollback undoes is among the latest. */
const looked = 20

/** GitHub gives the payload back as it was, or as a text. */
const payload = z.preprocess(
  (value) => (typeof value === 'string' ? parseJson(value) : value),
  z.object({ revisions: z.record(z.string(), z.string()) }),
)
const created = z.object({ id: z.number() })
const listed = z.array(z.object({ id: z.number(), payload: payload.catch({ revisions: {} }) }))

export function createDeployments(options: DeploymentsOptions): Deployments {
  const { api, repository, ref, token, env, run, agentOf, warn } = options
  const background = createBackground('GitHub', warn)
  /** The deployment of this command's switch. null: there is none, or it has ended. */
  let current: number | null = null

  const ask = async (method: 'GET' | 'POST', path: string, content?: object): Promise<Answer> => {
    const url = new URL(`${api.href.replace(/\/$/, '')}/repos/${repository}/deployments${path}`)
    const headers = {
      authorization: `Bearer ${token}`,
      accept: 'application/vnd.github+json',
      'x-github-api-version': '2022-11-28',
      'user-agent': 'shopctl',
    }
    return send(url, agentOf, { method, headers, ...(content && { content }) })
  }
  /** null: GitHub refused. */
  const answered = <T>(schema: z.ZodType<T>, answer: Answer): T | null => {
    const { status, body } = answer
    const needs = [403, 404].includes(status) ? '; the job needs `deployments: write`' : ''
    const result = schema.safeParse(parseJson(body))
    if (status < 300 && result.success) return result.data
    background.warn(`it answered ${status}${needs}`)
    return null
  }
  const mark = async (id: number, state: State, description: string): Promise<void> => {
    const content = { state, description, ...(run && { log_url: run }) }
    answered(z.unknown(), await ask('POST', `/${id}/statuses`, content))
  }
  const begin = async ({ release, services }: Operation): Promise<void> => {
    const revisions = services.flatMap(({ name, to }) => (to ? [[name, to.revision]] : []))
    const content = {
      ref,
      environment: env,
      task,
      // Without these two, GitHub would wait for checks, or merge the default branch into the commit.
      auto_merge: false,
      required_contexts: [],
      description: `${release}`,
      payload: { release, revisions: Object.fromEntries(revisions) },
    }
    const made = answered(created, await ask('POST', '', content))
    if (!made) return
    current = made.id
    await mark(made.id, 'in_progress', `${release} is being switched to`)
  }
  const end = async (state: State, description: string): Promise<void> => {
    if (current === null) return
    const id = current
    current = null
    await mark(id, state, description)
  }
  const undo = async ({ release, services }: Operation): Promise<void> => {
    const query = new URLSearchParams({ environment: env, task, per_page: String(looked) })
    const latest = answered(listed, await ask('GET', `?${query}`))
    const undone = latest?.find(({ payload: { revisions } }) =>
      services.some(({ name, from }) => from && revisions[name] === from.revision),
    )
    if (undone) await mark(undone.id, 'failure', `rolled back by ${release}`)
  }

  return {
    tell({ kind, payload }) {
      if (kind === 'operation.started' && payload.operation.verb === 'switch')
        background.run(() => begin(payload.operation))
      if (kind === 'operation.ended') {
        const { verb, release, outcome } = payload.operation
        const state = outcome === 'done' ? 'success' : 'failure'
        if (verb === 'switch') background.run(() => end(state, `${release}: ${outcome}`))
        if (verb === 'rollback' && outcome === 'done') background.run(() => undo(payload.operation))
      }
      // Its end was not recorded: nobody can say what is live.
      if (kind === 'command.ended') background.run(() => end('error', 'run shopctl status'))
    },
    settle: background.settle,
  }
}
