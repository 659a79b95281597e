// The collector and the store of logs, built as the platform builds them, as servers of a test.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { createShell } from '../../src/adapters/shell.ts'
import { collectorModule, goModuleItem, logStoreModule } from '../../src/platform/go-program.ts'
import { layoutOf } from '../../src/platform/layout.ts'
import { type Item, store } from '../../src/platform/store.ts'
import { type KubernetesObject, pick, render } from '../charts/helm.ts'
import { listen } from '../fakes/token-server.ts'
import { until } from '../real/shop.ts'

export interface Server {
  /** `http://127.0.0.1:PORT` */
  url: string
  start(): Promise<void>
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** What it has written. */
  said(): string
}

const shell = createShell()
const layout = layoutOf(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'shopctl'))

async function programOf(item: Item): Promise<string> {
  // Go writes there, which `platform up` makes.
  mkdirSync(layout.temporary, { recursive: true })
  return join(await store(layout, item, () => {}), item.name)
}

async function freeAddress(): Promise<string> {
  const server = createServer()
  const address = await listen(server)
  await new Promise((resolve) => server.close(resolve))
  return address
}

/** `health` is a path that answers 200. */
function serverOf(
  program: string,
  args: string[],
  { address, health, env = {} }: { address: string; health: string; env?: object },
): Server {
  let child: ReturnType<typeof spawn> | null = null
  let written = ''
  const url = `http://${address}`
  return {
    url,
    said: () => written,
    async start() {
      child = spawn(program, args, { env: { ...process.env, ...env }, stdio: 'pipe' })
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (chunk) => {
          written += chunk
        })
      await until(`${program} answers: ${written}`, async () =>
        fetch(`${url}${health}`).then(
          ({ ok }) => ok,
          () => false,
        ),
      )
    },
    async end(signal) {
      if (!child || child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill(signal)
      await ended
    },
  }
}

/** With the arguments of the chart, but for the address and the folder. */
export async function createLogStore(folder: string): Promise<Server> {
  const program = await programOf(await goModuleItem(shell, layout, logStoreModule))
  const address = await freeAddress()
  const args = argsOf(pick(await chart(''), 'StatefulSet', 'logs'))
  const own = args.map((arg) =>
    arg
      .replace('-storageDataPath=/data', `-storageDataPath=${folder}`)
      .replace('-httpListenAddr=:9428', `-httpListenAddr=${address}`),
  )
  return serverOf(program, own, { address, health: '/health' })
}

function argsOf({ spec }: KubernetesObject): string[] {
  const { template } = spec as { template: { spec: { containers: [{ args: string[] }] } } }
  return template.spec.containers[0].args
}

/** With the configuration of the chart, but for addresses and folders. It asks this kubeconfig's API server for the pods. */
export async function createCollector(
  folder: string,
  endpoint: string,
  kubeconfig: string,
): Promise<Server> {
  const program = await programOf(await goModuleItem(shell, layout, collectorModule))
  const [address, metrics] = [await freeAddress(), await freeAddress()]
  const objects = await chart(endpoint)
  const map = pick(objects, 'ConfigMap', 'log-collector')
  const text = (map.data as { 'collector.yaml': string })['collector.yaml']
  const config = parse(
    text
      .replaceAll(/(?<=[ [])\/pods\//g, `${folder}/pods/`)
      .replaceAll(/(?<= )\/state\b/g, `${folder}/state`)
      .replaceAll('0.0.0.0:13133', address),
  )
  const { processors, service } = config
  // A pod has a token, and the address in its environment.
  processors.k8s_attributes.auth_type = 'kubeConfig'
  service.telemetry.metrics.readers[0].pull.exporter.prometheus = {
    host: '127.0.0.1',
    port: Number(metrics.split(':')[1]),
  }
  const file = join(folder, 'collector.yaml')
  mkdirSync(join(folder, 'pods'), { recursive: true })
  writeFileSync(file, JSON.stringify(config))
  const args = argsOf(pick(objects, 'DaemonSet', 'log-collector'))
  const own = args.map((arg) => arg.replace(/^--config=.*/, `--config=${file}`))
  const env = { KUBECONFIG: kubeconfig, NODE_NAME: 'node-1' }
  return serverOf(program, own, { address, health: '/', env })
}

function chart(endpoint: string) {
  const values = { logs: { store: true, endpoint } }
  return render({ chart: 'observability', release: 'observability', values })
}
