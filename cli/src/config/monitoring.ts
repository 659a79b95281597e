// Where an environment's metrics and dashboards are. Pure.
import { z } from 'zod'
import { variable } from './variable.ts'

const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const service = new RegExp(String.raw`^(${label})/(${label}):([1-9]\d{0,4})$`)

/** A Service that is reached through the API server. */
export const serviceAddress = z
  .string()
  .regex(
    service,
    'expected a Service: <namespace>/<name>:<port>, such as monitoring/prometheus:9090',
  )
  .transform((value) => {
    const [, namespace = '', name = '', port = ''] = service.exec(value) ?? []
    return { namespace, name, port: Number(port) }
  })
  .refine(({ port }) => port <= 65_535, 'expected a port up to 65535')

/** What is sent there is a secret, and so may be what comes back. */
export const address = z
  .string()
  .refine(isSafe, 'expected an address that begins with https://, without user, query and fragment')

function isSafe(value: string): boolean {
  const url = URL.parse(value)
  if (!url || url.username || url.password || url.search || url.hash) return false
  const isHere = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)
  return url.protocol === 'https:' || (url.protocol === 'http:' && isHere)
}

/** Where a server is asked: each schema that has these fields is refined by `checkPlace`. */
export const placeFields = {
  /** As a Service of the cluster. */
  service: serviceAddress.optional(),
  /** Instead of a Service: what comes before the paths of its API. */
  url: address.optional(),
  /** The environment variable with a token for `url`. */
  token: variable.optional(),
}

interface Place {
  service?: unknown
  url?: unknown
  token?: unknown
}

export function checkPlace({ service, url, token }: Place, { addIssue }: z.RefinementCtx): void {
  if ((service === undefined) === (url === undefined))
    addIssue({ code: 'custom', message: 'expected either `service` or `url`' })
  else if (token !== undefined && url === undefined)
    addIssue({
      code: 'custom',
      path: ['token'],
      message: 'expected none: a Service is asked with the rights that you have in the cluster',
    })
}

/** Prometheus, or what has the same API. */
export const metricsSchema = z.strictObject(placeFields).superRefine(checkPlace)

export const grafanaSchema = z.strictObject({
  /** What comes before `/api`. */
  url: address,
  /** The environment variable with the token of a service account that may write annotations. */
  token: variable,
})

export type MetricsConfig = z.infer<typeof metricsSchema>
export type GrafanaConfig = z.infer<typeof grafanaSchema>
