// The Prometheus of charts/observability on loopback: it finds its targets through an API server of the test, which knows the
// given objects, and each target is a page of the test.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { type KubernetesObject, pick } from '../charts/helm.ts'
import { until } from '../real/shop.ts'

/** Path and query of a request → what it answers, or null. */
type Answer = (path: string, query: URLSearchParams) => string | null

const servers: Server[] = []

export async function serve(answer: Answer): Promise<number> {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://x')
    if (searchParams.has('watch')) return void response.writeHead(200).flushHeaders()
    const text = answer(pathname, searchParams)
    const type = text?.startsWith('{') ? 'application/json' : 'text/plain'
    response.writeHead(text === null ? 404 : 200, { 'content-type': type }).end(text ?? '')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  servers.push(server)
  return (server.address() as AddressInfo).port
}

export async function stopServers(): Promise<void> {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

interface Labelled {
  metadata: { name: string; namespace?: string; labels?: Record<string, string> }
}

/** The selectors that the chart uses: `a=b`, `a in (b, c)` and `a`. */
function selects(selector: string | null, { metadata }: Labelled): boolean {
  if (!selector) return true
  const [, key = '', one, among] = /^([\w./-]+)(?:=(\S+)| in \((.+)\))?$/.exec(selector) ?? []
  const value = metadata.labels?.[key]
  if (value === undefined) return false
  const values = one ?? among
  return values === undefined || values.split(/, ?/).includes(value)
}

/** Lists by the plural of the kind, as an API server answers them. */
export function serveObjects(lists: Record<string, readonly Labelled[]>): Promise<number> {
  return serve((path, query) => {
    if (path === '/version')
      return JSON.stringify({ major: '1', minor: '34', gitVersion: 'v1.34.4' })
    const [, namespace, plural = ''] = /(?:\/namespaces\/([^/]+))?\/([a-z]+)$/.exec(path) ?? []
    const items = lists[plural]?.filter(
      (object) =>
        (namespace === undefined || object.metadata.namespace === namespace) &&
        selects(query.get('labelSelector'), object),
    )
    return items ? JSON.stringify({ metadata: { resourceVersion: '1' }, items }) : null
  })
}

interface Config {
  rule_files: string[]
  scrape_configs: Record<string, unknown>[]
}

/** What a test changes: where the API server is, plain HTTP, and no job is slower than the others. */
function adapt(config: Config, apiServer: number, rules: string): Config {
  const jobs = config.scrape_configs.map((job) => {
    const { scheme: _, authorization: __, tls_config: ___, scrape_interval: ____, ...rest } = job
    const found = job.kubernetes_sd_configs as object[]
    const api = { api_server: `http://127.0.0.1:${apiServer}` }
    return { ...rest, kubernetes_sd_configs: found.map((each) => ({ ...each, ...api })) }
  })
  return { ...config, rule_files: [rules], scrape_configs: jobs }
}

export interface Scene {
  program: string
  objects: readonly KubernetesObject[]
  apiServer: number
  /** The numbers of ports in the chart, by the name of the pod, and those that the test has instead. */
  ports: Readonly<Record<string, readonly [chart: number, test: number]>>
}

export interface Prometheus {
  /** The result of a GET below /api/v1. */
  get(path: string): Promise<unknown>
  stop(): Promise<void>
}

function textOf(objects: readonly KubernetesObject[], name: string, key: string): string {
  return (pick(objects, 'ConfigMap', name).data as Record<string, string>)[key] ?? ''
}

function argsOf(objects: readonly KubernetesObject[]): string[] {
  const { template } = pick(objects, 'StatefulSet', 'prometheus').spec as {
    template: { spec: { containers: { args: string[] }[] } }
  }
  return template.spec.containers[0]?.args ?? []
}

/** Runs it with the configuration, the rules and the options of the chart. */
export async function startPrometheus(scene: Scene): Promise<Prometheus> {
  const { program, objects, apiServer, ports } = scene
  const folder = mkdtempSync(join(tmpdir(), 'prometheus-'))
  const [file, rules] = [join(folder, 'prometheus.yml'), join(folder, 'rules.yaml')]
  let text = textOf(objects, 'prometheus', 'prometheus.yml')
  for (const [name, [chart, test]] of Object.entries(ports))
    text = text.replace(`${name};${chart}`, `${name};${test}`)
  writeFileSync(file, JSON.stringify(adapt(parse(text) as Config, apiServer, rules)))
  writeFileSync(rules, textOf(objects, 'observability-rules', 'rules.yaml'))
  mkdirSync(join(folder, 'data'))
  const port = await freePort()
  const args = argsOf(objects)
    .filter((arg) => !/config\.file|storage\.tsdb\.path/.test(arg))
    .concat(`--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'data')}`)
    .concat(`--web.listen-address=127.0.0.1:${port}`)
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.on('data', (data) => {
    log += data
  })
  const url = `http://127.0.0.1:${port}`
  await until('Prometheus is ready', async () => {
    if (child.exitCode !== null) throw new Error(log)
    return fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  })
  return {
    async get(path) {
      const response = await fetch(`${url}/api/v1/${path}`)
      return ((await response.json()) as { data: unknown }).data
    },
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      if (child.exitCode === null && child.kill()) await ended
      rmSync(folder, { recursive: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
