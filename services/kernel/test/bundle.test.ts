import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Metafile } from 'esbuild'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { parse } from 'yaml'
import { bundling, copyMigrations, sourcesOf } from '../../bundle.ts'
import { eventList } from '../../event-list.ts'
import { readMigrations } from '../migrate.ts'
import { startCollector } from './fake-collector.ts'
import { startFakeKubernetes } from './fake-kubernetes.ts'

const services = ['order', 'inventory', 'payment', 'notification']

/** The files that Node loads when `main.js` starts. Others are loaded late, or never. */
function loadedAtStart({ outputs }: Metafile): string[] {
  const found = new Set<string>()
  const visit = (file: string): void => {
    if (found.has(file)) return
    found.add(file)
    for (const { path, kind, external } of outputs[file]?.imports ?? [])
      if (kind !== 'dynamic-import' && !external) visit(path)
  }
  for (const file of Object.keys(outputs)) if (file.endsWith('/main.js')) visit(file)
  return [...found]
}

/** A pod without its database and its broker. */
async function startPod(folder: string, env: Record<string, string>) {
  const kubernetes = await startFakeKubernetes('order', 'order-preview')
  onTestFinished(() => kubernetes.close())
  const [port, previewPort, managementPort, nobody] = await freePorts(4)
  const child = spawn(process.execPath, [join(folder, 'main.js')], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...{ SERVICE_NAME: 'order', SLOT_COLOR: 'blue', SLOT_REVISION: 'r', SLOT_VERSION: 'v' },
      ...{ POD_NAME: 'order-0', POD_NAMESPACE: 'test' },
      ...{ STABLE_SERVICE: 'order', PREVIEW_SERVICE: 'order-preview' },
      ...{ PORT: port, PREVIEW_PORT: previewPort, MANAGEMENT_PORT: managementPort },
      DATABASE_URL: `postgresql://127.0.0.1:${nobody}/none`,
      PREVIEW_DATABASE_URL: `postgresql://127.0.0.1:${nobody}/none`,
      AMQP_URL: `amqp://127.0.0.1:${nobody}`,
      PREVIEW_AMQP_URL: `amqp://127.0.0.1:${nobody}`,
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: String(kubernetes.port),
      SERVICE_ACCOUNT_DIR: kubernetes.serviceAccountDir,
      ...env,
    },
  })
  onTestFinished(async () => {
    if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit')
  })
  return { process: child, url: `http://127.0.0.1:${port}` }
}

async function freePorts(count: number): Promise<string[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => String((server.address() as AddressInfo).port))
  for (const server of servers) server.close()
  return ports
}

describe('a bundle', () => {
  it.each(services)(
    'of %s has OpenTelemetry, and does not load it at the start',
    async (service) => {
      const { metafile } = await build({ ...bundling(service), write: false, metafile: true })
      const within = (files: string[]): string[] => [
        ...new Set(
          files
            .flatMap((file) => Object.keys(metafile.outputs[file]?.inputs ?? {}))
            .flatMap((input) => /@opentelemetry\/([^/]+)/.exec(input)?.[1] ?? []),
        ),
      ]
      const started = loadedAtStart(metafile)
      // prom-client needs the interfaces.
      expect(within(started)).toEqual(['api'])
      expect(within(Object.keys(metafile.outputs))).toContain('sdk-trace')
      expect(started.every((file) => !file.includes('tracing'))).toBe(true)
    },
  )

  it('runs from its own files alone, and loads OpenTelemetry where it is configured', async () => {
    const collector = await startCollector()
    onTestFinished(() => collector.close())
    const outdir = await mkdtemp(join(tmpdir(), 'bundle-'))
    onTestFinished(() => rm(outdir, { recursive: true }))
    await build({ ...bundling('order'), outdir })
    await copyMigrations('order', pathToFileURL(`${outdir}/migrations/`))
    const pod = await startPod(outdir, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
    const exit = once(pod.process, 'exit')
    await vi.waitFor(() => fetch(`${pod.url}/healthz`), 15_000)
    pod.process.kill('SIGTERM')
    expect(await exit).toEqual([0, null])
    expect(collector.spans().map(({ name }) => name)).toEqual(['GET /healthz'])
  })

  it.each(services)('of %s has no fault points', async (service) => {
    const { outputFiles = [] } = await build({ ...bundling(service), write: false })
    expect(outputFiles.length).toBeGreaterThan(1)
    for (const { text } of outputFiles) {
      expect(text).not.toContain('SHOP_FAULT')
      expect(text).not.toContain('relay.confirmed')
    }
  })

  it.each(services)(
    'of %s has the migrations of the service and of the kernel',
    async (service) => {
      const folder = await mkdtemp(join(tmpdir(), 'bundle-'))
      onTestFinished(() => rm(folder, { recursive: true }))
      const copied = pathToFileURL(`${folder}/`)
      await copyMigrations(service, copied)
      const folders = ['kernel', service].map(
        (owner) => new URL(`../../${owner}/migrations/`, import.meta.url),
      )
      const wanted = await readMigrations(folders)
      const names = (await readdir(folder)).sort()
      expect(names).toEqual(wanted.map(({ name }) => name))
      // An existing file is never replaced.
      await expect(copyMigrations(service, copied)).rejects.toMatchObject({ code: 'EEXIST' })
    },
  )

  it.each(services)(
    'of %s comes with the events that the broker grants the service, and no others',
    async (service) => {
      const file = new URL('../../../charts/values/rabbitmq.yaml', import.meta.url)
      const granted = parse(await readFile(file, 'utf8')) as Granted
      const { metafile } = await build({ ...bundling(service), write: false, metafile: true })
      const { produces, accepts } = await eventList(service, sourcesOf(service, metafile))
      const types = produces.map((each) => each.split('@')[0])
      expect(types.sort()).toEqual((granted.publishes[service] ?? []).sort())
      expect(accepts).toEqual(granted.services[service]?.sort())
      // A setting that the service does not know would never be set.
      const main = await readFile(new URL(`../../${service}/main.ts`, import.meta.url), 'utf8')
      for (const each of produces) {
        const [, name, value] = /@(\w+)=(.+)/.exec(each) ?? []
        if (name) expect(main).toMatch(new RegExp(`${name}: z\\.enum\\(\\[.*'${value}'`))
      }
    },
  )
})

interface Granted {
  publishes: Record<string, string[]>
  services: Record<string, string[]>
}
