// Where the news of a release goes besides the user: Slack, GitHub and Grafana, each if it is set up.
import type { GrafanaConfig } from '../config/monitoring.ts'
import type { Event } from '../release/ports/events.ts'
import type { Operator } from '../release/ports/session.ts'
import { agentOf } from './agents.ts'

/** The variable with the URL of the webhook, where shopctl.yaml names no other. */
export const slackVariable = 'SHOPCTL_SLACK_WEBHOOK'

/** What is released, and where. */
export interface Subject {
  /** Name of the system. */
  system: string
  env: string
  /** `slack` of the environment: a variable with the URL of a webhook. undefined: the usual variable. */
  variable: string | undefined
  /** `grafana` of the environment. */
  grafana: GrafanaConfig | null
}

interface Listener {
  tell(event: Event): void
  /** Waits until all is sent, for a short time. */
  settle(): Promise<void>
}

interface Options extends Subject {
  operator: Operator
  variables: NodeJS.ProcessEnv
  warn(problem: string): void
}

/** How long they delay the end of a command if they are slow. */
const settleMs = 1_500

export async function createListeners(options: Options): Promise<Listener[]> {
  const listeners = await Promise.all([slackOf(options), gitHubOf(options), grafanaOf(options)])
  return listeners.filter((each) => each !== null)
}

async function slackOf({
  system,
  env,
  variable,
  operator,
  variables,
  warn,
}: Options): Promise<Listener | null> {
  const name = variable ?? slackVariable
  const value = variables[name]
  if (!value && variable === undefined) return null
  const { safeAddress } = await import('../adapters/notices/background.ts')
  const { createSlack } = await import('../adapters/notices/slack.ts')
  const { createSlackMessages } = await import('../output/slack.ts')
  const url = value ? safeAddress(value) : null
  const slack = url && createSlack({ url, agentOf, warn })
  const messageOf = createSlackMessages({ system, env, ...operator })
  let warned = false
  return {
    tell(event) {
      const message = messageOf(event)
      if (message && slack) slack.post(message)
      else if (message && !warned) {
        warned = true
        const problem = value ? 'is no https address' : 'is not set'
        warn(`Slack was not told: the variable ${name} ${problem}.`)
      }
    },
    settle: async () => slack?.settle(settleMs),
  }
}

async function gitHubOf({ env, operator, variables, warn }: Options): Promise<Listener | null> {
  const { GITHUB_ACTIONS, GITHUB_TOKEN: token, GITHUB_API_URL = '' } = variables
  const { GITHUB_REPOSITORY: repository, GITHUB_SHA: ref } = variables
  if (GITHUB_ACTIONS !== 'true' || !token || !repository || !ref) return null
  const { safeAddress } = await import('../adapters/notices/background.ts')
  const { createDeployments } = await import('../adapters/notices/deployments.ts')
  const api = safeAddress(GITHUB_API_URL)
  if (!api) return null
  const { run } = operator
  const all = { api, repository, ref, token, env, run, agentOf, warn }
  const { tell, settle } = createDeployments(all)
  return { tell, settle: () => settle(settleMs) }
}

async function grafanaOf({ env, grafana, variables, warn }: Options): Promise<Listener | null> {
  if (!grafana) return null
  const { createAnnotations } = await import('../adapters/notices/grafana.ts')
  const { url, token: variable } = grafana
  const token = variables[variable] ?? null
  const all = { url: new URL(url), token, variable, env, agentOf, warn }
  const { tell, settle } = createAnnotations(all)
  return { tell, settle: () => settle(settleMs) }
}
