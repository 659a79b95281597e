// The observability stack of the embedded platform, as its tests ask it.
import { createShell } from '../../src/adapters/shell.ts'
import { kubectlOk, root, until } from './shop.ts'

const shell = createShell()
export const stack = 'observability'

/** `shopctl platform …`. */
export function platform(...args: string[]): Promise<string> {
  return shell.check({
    program: process.execPath,
    args: [`${root}/cli/bin/shopctl.js`, 'platform', ...args],
    cwd: root,
  })
}

const addresses = new Map<string, Promise<string>>()

/** Where this machine reaches a Service of the stack. */
export function addressOf(service: string): Promise<string> {
  const known =
    addresses.get(service) ??
    kubectlOk(
      ...['get', 'service', service, `--namespace=${stack}`],
      '--output=jsonpath={.spec.clusterIP}:{.spec.ports[0].port}',
    ).then((text) => `http://${text}`)
  addresses.set(service, known)
  return known
}

export async function getJson<T>(service: string, path: string): Promise<T> {
  const response = await fetch(`${await addressOf(service)}${path}`)
  if (!response.ok)
    throw new Error(`${service}${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as T
}

export interface Sample {
  metric: Record<string, string>
  value: [at: number, text: string]
}

/** The result of an instant query. */
export async function query(expression: string): Promise<Sample[]> {
  const { data } = await getJson<{ data: { result: Sample[] } }>(
    'prometheus',
    `/api/v1/query?query=${encodeURIComponent(expression)}`,
  )
  return data.result
}

interface Series {
  metric: Record<string, string>
  values: [at: number, value: string][]
}

/** A range query. */
export async function series(expr: string, since: Date, step: number): Promise<Series[]> {
  const range = `start=${since.getTime() / 1000}&end=${Date.now() / 1000}&step=${step}`
  const { data } = await getJson<{ data: { result: Series[] } }>(
    'prometheus',
    `/api/v1/query_range?query=${encodeURIComponent(expr)}&${range}`,
  )
  return data.result.map(({ metric, values }) => ({
    metric,
    values: values.filter(([, value]) => value !== 'NaN'),
  }))
}

export async function numberOf(expression: string): Promise<number | null> {
  const [first] = await query(expression)
  return first ? Number(first.value[1]) : null
}

export interface Target {
  labels: Record<string, string>
  health: string
  lastError: string
  scrapeUrl: string
}

export async function targets(): Promise<Target[]> {
  const { data } = await getJson<{ data: { activeTargets: Target[] } }>(
    'prometheus',
    '/api/v1/targets?state=active',
  )
  return data.activeTargets
}

export interface Message {
  at: string
  status: number
  message: { attachments: { title: string; text: string }[] }
}

/** What Slack would have got since `at`, as title and text in one line each. */
export async function messages(at: Date): Promise<{ at: number; title: string; text: string }[]> {
  const found = await getJson<Message[]>('slack-receiver', `/messages?since=${at.toISOString()}`)
  return found.flatMap(({ at: arrived, message }) =>
    message.attachments.map(({ title, text }) => ({ at: Date.parse(arrived), title, text })),
  )
}

/** All text of an answer of the store of logs to a query, a JSON document a line. */
export async function storedLogs(query: string): Promise<Record<string, string>[]> {
  const path = `/select/logsql/query?query=${encodeURIComponent(query)}`
  const response = await fetch(`${await addressOf('logs')}${path}`)
  if (!response.ok) throw new Error(`logs: ${response.status} ${await response.text()}`)
  const lines = (await response.text()).split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line) as Record<string, string>)
}

/** Its own metrics. Empty while it does not answer. */
export async function metricsText(service: string): Promise<string> {
  const get = async (): Promise<string> =>
    (await fetch(`${await addressOf(service)}/metrics`)).text()
  return get().catch(() => '')
}

/** Kills all pods of the stack, and waits for new ones. */
export async function killStack(): Promise<void> {
  const killed = Date.now()
  const inStack = `--namespace=${stack}`
  await kubectlOk('delete', 'pods', '--all', inStack, '--grace-period=0', '--force')
  for (const service of ['prometheus', 'logs', 'alertmanager'])
    await until(`${service} runs again`, async () => {
      const [, began] = /^process_start_time_seconds (\S+)/m.exec(await metricsText(service)) ?? []
      return Number(began) * 1_000 > killed - 1_000
    })
  await kubectlOk('rollout', 'status', 'statefulset,deployment,daemonset', inStack)
}
