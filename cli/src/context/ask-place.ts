// Asks a server of the environment, the one of its metrics or of its logs: a Service of the cluster, or an address.
import { sendOnce } from '../adapters/http.ts'
import type { KubernetesApi } from '../adapters/kubernetes/api.ts'
import { askService } from '../adapters/kubernetes/service-proxy.ts'
import { limited } from '../adapters/limited.ts'
import { type Limit, noAnswer } from '../adapters/shell.ts'
import type { MetricsConfig } from '../config/monitoring.ts'
import { interrupted, ShopctlError, said } from '../errors.ts'
import { agentOf } from './agents.ts'

export interface PlaceOptions {
  api: KubernetesApi
  /** For the whole answer. */
  limit: Limit
  /** The value of the variable that `token` names. undefined: it is not set. */
  token: string | undefined
  /** The error where the address gives no answer. `name` is that of the place. */
  unanswered(name: string, why: string): Error
}

interface Answer {
  status: number
  text: string
}

export interface Place {
  /** `observability/logs:9428`, or the address without a slash at its end. */
  name: string
  /** Sends a GET; `path` begins with a slash. null: there is no such Service. */
  ask(path: string, signal: AbortSignal): Promise<Answer | null>
}

export function placeOf(
  { service, url = '', token: variable }: MetricsConfig,
  { api, limit, token: value, unanswered }: PlaceOptions,
): Place {
  const timeoutMs = limit.seconds * 1_000
  if (service) {
    const name = `${service.namespace}/${service.name}:${service.port}`
    return { name, ask: (path, signal) => askService(api, service, path, { signal, timeoutMs }) }
  }
  const base = url.replace(/\/$/, '')
  const token = variable === undefined ? null : { variable, value }
  const options = { token, limit, unanswered: (why: string) => unanswered(base, why) }
  return { name: base, ask: (path, signal) => askAddress(`${base}${path}`, signal, options) }
}

interface AddressOptions extends Pick<PlaceOptions, 'limit'> {
  /** Where it has a token: the variable, and its value if it is set. */
  token: { variable: string; value: string | undefined } | null
  unanswered(why: string): Error
}

async function askAddress(
  address: string,
  signal: AbortSignal,
  { token, limit, unanswered }: AddressOptions,
): Promise<Answer> {
  if (token && !token.value) throw unanswered(`the variable ${token.variable} is not set`)
  const late = AbortSignal.timeout(limit.seconds * 1_000)
  const url = new URL(address)
  const headers = token ? { authorization: `Bearer ${token.value}` } : {}
  const limits = { signal: AbortSignal.any([late, signal]), read: limited }
  try {
    const response = await sendOnce(url, { method: 'GET', headers, ...limits }, await agentOf(url))
    return { status: response.status, text: await response.text() }
  } catch (error) {
    if (signal.aborted) throw interrupted()
    if (error instanceof ShopctlError) throw error
    throw unanswered(late.aborted ? noAnswer(limit) : said(error))
  }
}
