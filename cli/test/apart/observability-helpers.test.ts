// The programs that stand in for kube-state-metrics and for Slack, with a real promtool and a real Alertmanager.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createShell } from '../../src/adapters/shell.ts'
import { goModuleItem, helpersModule } from '../../src/platform/go-program.ts'
import { embeddedFolder, layoutOf } from '../../src/platform/layout.ts'
import { store } from '../../src/platform/store.ts'
import { createApiServer, createServers } from '../fakes/api-server.ts'
import { until } from '../real/shop.ts'
import { runGo } from './go.ts'
import {
  type Started,
  startAlertmanager,
  startHelper,
  stopPrograms,
} from './observability-programs.ts'
import { prometheusPrograms } from './prometheus-programs.ts'

const servers = createServers()
const folder = mkdtempSync(join(tmpdir(), 'helpers-'))
const token = 'a-secret-token'
const layout = layoutOf(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'shopctl'))
let helpers: string
let programs: string

beforeAll(async () => {
  const item = await goModuleItem(createShell(), layout, helpersModule)
  helpers = join(await store(layout, item, () => {}), 'helpers')
  programs = await prometheusPrograms()
  copyFileSync(join(servers.folder, 'ca.pem'), join(folder, 'ca.crt'))
  writeFileSync(join(folder, 'token'), token)
})
afterEach(async () => {
  await stopPrograms()
  await servers.stopAll()
})
afterAll(() => {
  servers.remove()
  rmSync(folder, { recursive: true })
})

type Lists = Record<string, object[]>

/** cluster-state, with an API server that has these objects and refuses every other list. */
async function startClusterState(lists: Lists, ...args: string[]): Promise<Started> {
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const items = lists[new URL(request.url ?? '', 'http://x').pathname]
    const allowed = request.headers.authorization === `Bearer ${token}`
    if (items && allowed) return void response.end(JSON.stringify({ metadata: {}, items }))
    response.writeHead(allowed ? 403 : 401).end(JSON.stringify({ message: 'it is forbidden' }))
  }
  const port = await servers.start(createApiServer(servers.folder, 'server', answer))
  return startHelper(
    helpers,
    ['cluster-state', '--host=127.0.0.1', '--port=0', `--service-account=${folder}`, ...args],
    {
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: String(port),
      // As in the chart.
      GOGC: '50',
    },
  )
}

async function scrape({ url }: Started): Promise<string> {
  const response = await fetch(`${url}/metrics`)
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  return response.text()
}

/** `managedFields` are most of what the API server sends of an object. */
const managed = Array.from({ length: 20 }, () => ({
  manager: 'kube-controller-manager',
  fieldsV1: { 'f:metadata': { 'f:labels': { '.': {}, 'f:app.kubernetes.io/name': {} } } },
}))

/** Objects with the same status. */
function objects(count: number, rest: object): object[] {
  const metadata = { namespace: 'shop', managedFields: managed }
  return Array.from({ length: count }, (_, index) => ({
    metadata: { ...metadata, name: `object-${index}`, uid: `uid-${index}` },
    ...rest,
  }))
}

/** As many pods as all environments of the platform have at once, and what comes with them. */
function clusterOf(pods: number): Lists {
  const ready = [{ type: 'Ready', status: 'True' }]
  const containerStatuses = [{ name: 'app', restartCount: 1 }]
  const few = objects(pods / 4, { spec: { replicas: 2 }, status: {} })
  return {
    '/api/v1/pods': objects(pods, {
      spec: { containers: managed },
      status: { phase: 'Running', conditions: ready, containerStatuses },
    }),
    '/api/v1/services': few,
    '/apis/discovery.k8s.io/v1/endpointslices': [
      {
        metadata: { namespace: 'shop', labels: { 'kubernetes.io/service-name': 'order' } },
        ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
        endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: true } }],
      },
    ],
    '/apis/apps/v1/deployments': few,
    '/apis/apps/v1/statefulsets': few,
    '/apis/batch/v1/jobs': objects(1, {
      status: { conditions: [{ ...ready[0], type: 'Failed' }] },
    }),
    '/apis/autoscaling/v2/horizontalpodautoscalers': objects(1, { spec: { maxReplicas: 4 } }),
    '/api/v1/nodes': objects(1, { status: { conditions: ready } }),
    '/api/v1/persistentvolumeclaims': objects(4, { status: { phase: 'Bound' } }),
    '/api/v1/namespaces': [
      { metadata: { name: 'shop', creationTimestamp: '2026-01-01T00:00:00Z' } },
    ],
  }
}

/** What dashboards and rules may ask for. */
const contract = [
  'kube_deployment_labels',
  'kube_deployment_spec_replicas',
  'kube_deployment_status_replicas_available',
  'kube_deployment_status_replicas_ready',
  'kube_endpoint_address',
  'kube_horizontalpodautoscaler_spec_max_replicas',
  'kube_horizontalpodautoscaler_spec_min_replicas',
  'kube_horizontalpodautoscaler_status_current_replicas',
  'kube_horizontalpodautoscaler_status_desired_replicas',
  'kube_job_failed',
  'kube_namespace_created',
  'kube_node_info',
  'kube_node_status_condition',
  'kube_persistentvolumeclaim_status_phase',
  'kube_pod_container_status_restarts_total',
  'kube_pod_info',
  'kube_pod_status_phase',
  'kube_pod_status_ready',
  'kube_service_annotations',
  'kube_service_labels',
  'kube_statefulset_replicas',
  'kube_statefulset_status_replicas_ready',
]

const allowlists = [
  '--metric-labels-allowlist=services=[shopctl.dev/pointer],deployments=[shopctl.dev/color]',
  '--metric-annotations-allowlist=services=[shopctl.dev/release]',
]

describe('cluster-state', () => {
  it('has metrics that promtool accepts', async () => {
    const text = await scrape(await startClusterState(clusterOf(8), ...allowlists))
    const checked = spawnSync(join(programs, 'promtool'), ['check', 'metrics'], { input: text })
    expect(`${checked.stdout}${checked.stderr}`).toBe('')
    expect(text.match(/(?<=^# TYPE )kube_\w+/gm)?.sort()).toEqual(contract)
    for (const name of contract) expect(text, name).toContain(`\n${name}{`)
    expect(text).not.toMatch(/errors_total.* [^0]$/m)
  })

  it('shows a release as a series of its own', async () => {
    const metadata = { name: 'order', namespace: 'shop', uid: 'u' }
    const service = { metadata: { ...metadata, annotations: { 'shopctl.dev/release': 'r-41' } } }
    const lists = { '/api/v1/services': [service] }
    const started = await startClusterState(lists, ...allowlists)
    const labels = 'namespace="shop",service="order",uid="u"'
    const series = (release: string) =>
      `kube_service_annotations{${labels},annotation_shopctl_dev_release="${release}"} 1\n`
    expect(await scrape(started)).toContain(series('r-41'))
    service.metadata.annotations['shopctl.dev/release'] = 'r-42'
    const text = await scrape(started)
    expect(text).toContain(series('r-42'))
    expect(text).not.toContain('r-41')
  })

  it('says once what it may not list, and never the token', async () => {
    const started = await startClusterState({ '/api/v1/nodes': [] }, '--resources=nodes,pods')
    await scrape(started)
    expect(await scrape(started)).toContain('cluster_state_list_errors_total{resource="pods"} 2\n')
    expect(started.log().split('\n').slice(1)).toEqual([
      'pods cannot be listed: 403 Forbidden: it is forbidden',
      '',
    ])
    writeFileSync(join(folder, 'token'), 'another')
    await scrape(started).finally(() => writeFileSync(join(folder, 'token'), token))
    expect(started.log()).toContain('nodes cannot be listed: 401')
    const shown = started.log() + readFileSync(`/proc/${started.pid}/cmdline`)
    expect(shown).not.toMatch(/a-secret-token|another/)
  })

  it('costs little with 60 pods, scraped every 5 s', async () => {
    const started = await startClusterState(clusterOf(60), ...allowlists)
    const cpu = () => {
      // utime and stime, in hundredths of a second, after the name in parentheses.
      const [user, system] = readFileSync(`/proc/${started.pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ')
        .slice(11, 13)
      return (Number(user) + Number(system)) * 10
    }
    await scrape(started)
    const before = cpu()
    const scrapes = 50
    for (let n = 0; n < scrapes; n += 1) await scrape(started)
    const status = readFileSync(`/proc/${started.pid}/status`, 'utf8')
    const [, peak] = /VmHWM:\s+(\d+) kB/.exec(status) ?? []
    const figures = { 'ms/scrape': (cpu() - before) / scrapes, MiB: Number(peak) / 1024 }
    expect(figures['ms/scrape']).toBeLessThan(25)
    expect(figures.MiB).toBeLessThan(24)
  })
})

describe('bad input', () => {
  it.each([
    [[], 'no part is named'],
    [['slack'], 'no part is named'],
    [['cluster-state'], 'this is no pod: '],
    [['cluster-state', '--metric-labels-allowlist=services=[*]'], '--metric-labels-allowlist '],
    [['slack-receiver', '--port=1'], 'flag provided but not defined: -port'],
    [['slack-receiver', '--listen=127.0.0.1:x'], 'listen tcp: lookup tcp/x: '],
  ])('%j', (args, what) => {
    const { status, stderr } = spawnSync(helpers, args, { env: {}, encoding: 'utf8' })
    expect(status).toBe(2)
    expect(stderr.startsWith(what), stderr).toBe(true)
    expect(stderr.trim().split('\n')).toHaveLength(2)
  })
})

interface Post {
  status: number
  answer: string
  message: { channel: string; attachments: [{ title: string; text: string; color: string }] }
}

describe('slack-receiver', () => {
  it('keeps what Alertmanager sends, in spite of faults', async () => {
    const { url } = await startHelper(helpers, ['slack-receiver', '--listen=127.0.0.1:0'])
    const read = async <T>(path: string) => (await (await fetch(url + path)).json()) as T
    const posts = (path: string) => read<Post[]>(path)
    const alertmanager = await startAlertmanager(programs, url)
    const send = async (labels: object, annotations: object, endsAt?: string) => {
      const body = JSON.stringify([{ labels, annotations, ...(endsAt && { endsAt }) }])
      const headers = { 'content-type': 'application/json' }
      await fetch(`${alertmanager}/api/v2/alerts`, { method: 'POST', headers, body })
    }
    await fetch(`${url}/fault?status=500&times=2`, { method: 'PUT' })
    const down = { alertname: 'ServiceDown', service: 'order' }
    await send(down, { summary: 'order does not answer' })
    await send({ alertname: 'Watchdog' }, {})

    await until('it arrived', async () => (await posts('/messages')).length === 1)
    expect((await posts('/refused')).map(({ status }) => status)).toEqual([500, 500])
    const [first] = await posts('/messages')
    expect(first).toMatchObject({ status: 200, answer: 'ok', message: { channel: '#shop' } })
    expect(first?.message.attachments).toMatchObject([
      { text: 'order does not answer', color: 'danger' },
    ])

    await send(down, { summary: 'order does not answer' }, new Date().toISOString())
    await until('it is resolved', async () => (await posts('/messages')).length === 2)
    expect((await posts('/messages'))[1]?.message.attachments[0].color).toBe('good')
    const beats = () => read<{ count: number }>('/heartbeat')
    await until('it has a heartbeat', async () => (await beats()).count > 0)
  })
})

it('passes its own tests, in Go', async () => {
  const cwd = join(embeddedFolder(), 'observability/helpers')
  await runGo(layout, ['test', './...'], { cwd })
  // The first time, it compiles the standard library for tests.
}, 300_000)
