// Grouping, repetitions and inhibition of charts/observability: a real Alertmanager that posts to a server of the test.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { createShell } from '../../src/adapters/shell.ts'
import { listen } from '../fakes/token-server.ts'
import { type Rendered, renderAlerts } from './alerts.ts'
import { prometheusPrograms } from './prometheus-programs.ts'

interface Post {
  path: string
  body: { attachments?: { title: string; text: string; color: string }[]; channel?: string }
}

const posts: Post[] = []
const stop = new AbortController()
let rendered: Rendered
let server: Server
let api: string
let running: Promise<unknown>

/** The configuration as the chart mounts it, with its Secret. */
async function writeConfig(slackAddress: string): Promise<string> {
  const secrets = join(rendered.folder, 'slack')
  mkdirSync(secrets)
  for (const key of ['url', 'calm', 'heartbeat'])
    writeFileSync(join(secrets, key), `http://${slackAddress}/${key}`)
  const file = join(rendered.folder, 'alertmanager.yml')
  const config = readFileSync(file, 'utf8').replaceAll('/etc/alertmanager/slack', secrets)
  writeFileSync(file, config)
  return file
}

async function freeAddress(): Promise<string> {
  const probe = createServer()
  const address = await listen(probe)
  await new Promise((resolve) => probe.close(resolve))
  return address
}

beforeAll(async () => {
  rendered = await renderAlerts({
    slack: {
      ...{ groupWait: '1s', groupInterval: '2s' },
      warning: { key: 'calm', channel: '#calm' },
    },
  })
  server = createServer(async (request, response) => {
    posts.push({ path: request.url ?? '', body: JSON.parse(await text(request)) })
    response.end('ok')
  })
  const file = await writeConfig(await listen(server))
  const address = await freeAddress()
  const program = join(await prometheusPrograms(), 'alertmanager')
  const args = [
    ...[`--config.file=${file}`, `--storage.path=${join(rendered.folder, 'data')}`],
    ...[`--web.listen-address=${address}`, '--cluster.listen-address='],
  ]
  running = createShell()
    .run({ program, args, signal: stop.signal })
    .catch(() => {})
  api = `http://${address}/api/v2/alerts`
  await vi.waitFor(() => fetch(api), { timeout: 30_000, interval: 100 })
})

afterAll(async () => {
  stop.abort()
  await running
  server?.close()
  rendered?.remove()
})

const severities: Record<string, string> = {
  ...{
    BrokerDown: 'critical',
    DatabaseDown: 'critical',
    ServiceDown: 'critical',
    SwitchRunning: 'none',
    Watchdog: 'none',
  },
  ...{ OutboxStuck: 'critical', StandbyConsumes: 'critical', TwoColorsConsume: 'critical' },
}

/** As Prometheus posts them. With `ended`, they are over. */
async function post(
  names: readonly string[],
  labels: Record<string, string>,
  ended = false,
): Promise<void> {
  const alerts = names.map((alertname) => ({
    labels: { severity: severities[alertname] ?? 'warning', ...labels, alertname },
    annotations: { summary: `${alertname} of ${labels.service}`, description: 'd', command: 'c' },
    startsAt: new Date(Date.now() - 60_000).toISOString(),
    ...(ended && { endsAt: new Date().toISOString() }),
  }))
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(api, { method: 'POST', headers, body: JSON.stringify(alerts) })
  expect(answer.status).toBe(200)
}

/** The alerts of an environment that are inhibited. */
async function inhibited(environment: string): Promise<string[]> {
  const answer = await fetch(`${api}?filter=environment="${environment}"`)
  const alerts = (await answer.json()) as {
    labels: Record<string, string>
    status: { inhibitedBy: string[] }
  }[]
  return alerts
    .filter(({ status }) => status.inhibitedBy.length > 0)
    .map(({ labels }) => [labels.alertname, labels.service].join(' ').trim())
    .sort()
}

function messages(path: string, about: string) {
  return posts
    .filter((sent) => sent.path === path)
    .flatMap(({ body }) => body.attachments ?? [])
    .filter(({ title }) => title.includes(` ${about} `))
}

const order = { environment: 'grouped', service: 'order' }

it('sends one message for a group, none for its repetitions, and one for its end', async () => {
  const names = ['OutboxStuck', 'StandbyConsumes', 'TwoColorsConsume']
  await post(names, order)
  await vi.waitFor(() => expect(messages('/url', 'grouped order')).toHaveLength(1), 10_000)
  const [first] = messages('/url', 'grouped order')
  expect(first?.text.trimEnd().split('\n')).toHaveLength(3)
  expect(first?.color).toBe('#d62728')
  // Prometheus posts them again and again.
  for (let count = 0; count < 4; count += 1) {
    await post(names, order)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  }
  expect(messages('/url', 'grouped order')).toHaveLength(1)
  await post(names, order, true)
  await vi.waitFor(() => expect(messages('/url', 'grouped order')).toHaveLength(2), 10_000)
  expect(messages('/url', 'grouped order')[1]?.title).toContain(':white_check_mark: Resolved')
})

it('sends warnings apart, and one message for each service and environment', async () => {
  await post(['LatencyHigh'], { environment: 'apart', service: 'order' })
  await post(['LatencyHigh', 'MessagesParked'], { environment: 'apart', service: 'payment' })
  await vi.waitFor(() => {
    expect(messages('/calm', 'apart order')).toHaveLength(1)
    expect(messages('/calm', 'apart payment')).toHaveLength(1)
  }, 10_000)
  expect(messages('/url', 'apart order')).toHaveLength(0)
  expect(posts.find(({ path }) => path === '/calm')?.body.channel).toBe('#calm')
})

it.each([
  {
    source: ['BrokerDown', { environment: 'broker' }],
    silenced: [
      'OrdersLate order',
      'OutboxStuck order',
      'QueueOverloaded order',
      'TwoColorsConsume order',
    ],
    // Orders are accepted without the broker.
    heard: ['LatencyHigh', 'MessagesParked', 'OrdersFail'],
  },
  {
    source: ['DatabaseDown', { environment: 'database', service: 'order' }],
    silenced: [
      'LatencyHigh order',
      'MessagesParked order',
      'OrdersFail order',
      'OrdersLate order',
      'OutboxStuck order',
      'QueueOverloaded order',
    ],
    heard: ['StandbyConsumes', 'TwoColorsConsume'],
  },
  {
    source: ['ServiceDown', { environment: 'down', service: 'order' }],
    silenced: [
      'LatencyHigh order',
      'QueueOverloaded order',
      'ReplicasMissing order',
      'TargetDown order',
    ],
    heard: ['MessagesParked', 'StandbyConsumes'],
  },
  {
    source: ['SwitchRunning', { environment: 'switch', service: 'order' }],
    silenced: ['ReplicasMissing order', 'StandbyConsumes order', 'TwoColorsConsume order'],
    heard: ['LatencyHigh', 'OutboxStuck', 'OrdersFail'],
  },
] as const)('$source.0 silences $silenced', async ({ source: [name, labels], silenced, heard }) => {
  const { environment } = labels
  const all = [...silenced.map((text) => text.split(' ')[0] ?? ''), ...heard]
  await post([name], labels)
  await post(all, { environment, service: 'order' })
  // Nothing silences the same in another environment.
  await post(all, { environment: `not-${environment}`, service: 'order' })
  await vi.waitFor(async () => expect(await inhibited(environment)).toEqual(silenced), 5_000)
  expect(await inhibited(`not-${environment}`)).toEqual([])
})

it.each([
  ['BrokerDown', 'rabbitmq', {}],
  ['DatabaseDown', 'postgres', { service: 'order' }],
])('%s silences the pods of %s', async (name, dependency, labels) => {
  const environment = `pods-of-${dependency}`
  await post([name], { environment, ...labels })
  for (const service of ['rabbitmq', 'postgres']) {
    await post(['ReplicasMissing'], { environment, service })
    await post(['TargetDown'], { environment, job: service })
  }
  const silenced = [`ReplicasMissing ${dependency}`, 'TargetDown']
  await vi.waitFor(async () => expect(await inhibited(environment)).toEqual(silenced), 5_000)
})

it('posts the heartbeat', async () => {
  await post(['Watchdog'], { environment: 'cluster' })
  await vi.waitFor(() => expect(posts.map(({ path }) => path)).toContain('/heartbeat'), 10_000)
})
