// The figures of the event backbone: latency, sustained orders, their share of a bare script's, handover, idle cost.
import { existsSync } from 'node:fs'
import { mkdir, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { V1PodList } from '@kubernetes/client-node'
import { measureFloor } from '../../services/shop/floor.ts'
import { startLoad } from '../../services/shop/load/drive.ts'
import { describe, isExact, type LoadReport } from '../../services/shop/load/report.ts'
import { isActive } from '../src/adapters/kubernetes/objects.ts'
import { cgroupRoot, hierarchyOf, inCgroup } from '../src/platform/cgroups.ts'
import { listMounts } from '../src/platform/mounts.ts'
import { handovers } from '../test/real/database.ts'
import {
  clusterIp,
  edgeUrl,
  kubectlOk,
  namespace,
  releaseHolds,
  secretValue,
  shopctlOk,
  status,
  type Tree,
} from '../test/real/shop.ts'
import type { Report } from './measure.ts'

const services = ['order', 'inventory', 'payment', 'notification']
/** A tenth of the requests repeat an earlier one. */
export const requestsPerOrder = 1.1
function ms(value: number): string {
  return `${Math.round(value)} ms`
}

/** Runs a load to its end. Throws when an order was lost or has the wrong outcome. */
async function run(rate: number, seconds: number): Promise<LoadReport> {
  const report = await startLoad({ url: edgeUrl, rate, seconds, seed: 1, patienceMs: 60_000 }).ended
  if (!isExact(report)) throw new Error(describe(report).join('\n'))
  return report
}

const steps = [40, 50, 60, 65, 70, 75, 80, 85, 90, 95, 100, 110, 120, 140]
const stepSeconds = 15

/** The backlog does not grow while orders are confirmed, and requests answered, within a second. */
function isSustained({ failures, answers, confirmed }: LoadReport): boolean {
  return failures === 0 && answers.p95Ms < 1_000 && confirmed.p95Ms < 1_000
}

/** The highest step, in orders per second, at which the backlog does not grow. */
async function findSustained(): Promise<number> {
  let sustained = 0
  for (const orders of steps) {
    const report = await run(orders * requestsPerOrder, stepSeconds)
    if (!isSustained(report)) break
    sustained = report.accepted / stepSeconds
  }
  return sustained
}

/**
 * Runs with this process in the pods' cgroup, with the weight of this many pods. Outside, the database would get most
 * of the processor time. With cgroup v1 only.
 */
async function asPods<T>(pods: number, run: () => Promise<T>): Promise<T> {
  const root = hierarchyOf(await listMounts(), 'cpu') ?? ''
  if (!existsSync(join(root, cgroupRoot, 'cpu.shares'))) return run()
  const group = join(root, cgroupRoot, 'kubepods/burstable/bench')
  await mkdir(group, { recursive: true })
  await writeFile(join(group, 'cpu.shares'), String(pods * sharesOfPod))
  try {
    return await inCgroup(root, 'cpu', group, run)
  } finally {
    await rmdir(group)
  }
}

/** `cpu.shares` of a service's pod, which requests 25m. */
const sharesOfPod = 25
const handlersOfPod = 4

async function floor(): Promise<number> {
  const slots = Object.values((await status()).services).map(
    ({ active, slots }) => (active && slots[active]?.replicas) || 0,
  )
  const pods = slots.reduce((sum, replicas) => sum + replicas, 0)
  const [postgres, rabbitmq] = await Promise.all([clusterIp('postgres'), clusterIp('rabbitmq')])
  const options = {
    databaseUrl: `postgresql://postgres:${await secretValue('postgres', 'admin')}@${postgres}:5432/postgres`,
    amqpUrl: `amqp://admin:${await secretValue('rabbitmq', 'admin')}@${rabbitmq}:5672`,
    concurrency: pods * handlersOfPod,
    seconds: 10,
  }
  return (await asPods(pods, () => measureFloor(options))).ordersPerSecond
}

/** After a rollback, the next switch must name its services. */
const forward = ['switch', '--service', services.join(',')]
const moves = [['rollback'], forward, ['rollback'], forward, ['rollback'], forward]

/** Switches back and forth while more orders arrive than are handled. Returns all handovers, the shortest first. */
async function moveWithBacklog(tree: Tree, rate: number): Promise<number[]> {
  const before = (await status()).services as Record<string, { epoch?: number | null }>
  const load = startLoad({ url: edgeUrl, rate, seconds: 120, patienceMs: 120_000 })
  let report: LoadReport
  try {
    await sleep(4_000)
    for (const move of moves) {
      await shopctlOk(move, { cwd: tree.dir })
      await releaseHolds()
      await sleep(3_000)
    }
  } finally {
    report = await load.stop()
  }
  if (!isExact(report)) throw new Error(describe(report).join('\n'))
  const gaps = await Promise.all(
    services.map((service) => handovers(service, before[service]?.epoch ?? 0)),
  )
  return gaps.flat().sort((a, b) => a - b)
}

interface Cost {
  bytes: number
  cpuSeconds: number
}

async function costOf(pod: string): Promise<Cost> {
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}:9090/proxy/metrics`
  const metrics = await kubectlOk('get', '--raw', path)
  const value = (name: string): number =>
    Number(new RegExp(String.raw`^${name}(?:\{.*\})? (\S+)$`, 'm').exec(metrics)?.[1])
  return {
    bytes: value('process_resident_memory_bytes'),
    cpuSeconds: value('process_cpu_seconds_total'),
  }
}

const idleSeconds = 20

/** The highest cost of any service pod without load. */
async function idleCost(): Promise<{ mebibytes: number; cpuPercent: number }> {
  await sleep(10_000)
  const selector = `app.kubernetes.io/name in (${services.join(',')})`
  const args = ['--selector', selector, '--field-selector=status.phase=Running', '--output=json']
  const { items } = JSON.parse(await kubectlOk('get', 'pods', ...args)) as V1PodList
  const pods = items.filter((pod) => isActive(pod)).map(({ metadata }) => metadata?.name ?? '')
  const before = await Promise.all(pods.map(costOf))
  await sleep(idleSeconds * 1000)
  const after = await Promise.all(pods.map(costOf))
  const used = after.map(({ cpuSeconds }, n) => cpuSeconds - (before[n]?.cpuSeconds ?? 0))
  return {
    mebibytes: Math.max(...after.map(({ bytes }) => bytes)) / 2 ** 20,
    cpuPercent: (100 * Math.max(...used)) / idleSeconds,
  }
}

/** Needs all four services live in environment `test`. Changes and releases `tree`. */
export async function benchEvents(tree: Tree, report: Report): Promise<void> {
  for (const name of services) await tree.append(`services/${name}/main.ts`, '\n// bench, events\n')
  await shopctlOk(['release'], { cwd: tree.dir })

  const { mebibytes, cpuPercent } = await idleCost()
  report(
    'idle cost of a service pod, the most of any',
    `${mebibytes.toFixed(0)} MiB, ${cpuPercent.toFixed(1)} % of a core`,
    '≤ 105 MiB, ≤ 1 %',
  )

  const percentiles = ({ confirmed: { p50Ms, p99Ms } }: LoadReport): string =>
    `p50 ${ms(p50Ms)}, p99 ${ms(p99Ms)}`
  report(
    'placed → confirmed at 30 orders/s, in the first 15 s of new pods',
    percentiles(await run(30 * requestsPerOrder, 15)),
    '-',
  )
  report(
    'placed → confirmed at 30 orders/s, then',
    percentiles(await run(30 * requestsPerOrder, 30)),
    'p50 ≤ 80 ms, p99 ≤ 500 ms',
  )

  const sustained = await findSustained()
  report('sustained orders', `${sustained.toFixed(0)} /s`, '≥ 60 /s')
  const bare = await floor()
  report(
    'the same as a share of a bare script’s',
    `${(sustained / bare).toFixed(2)} of ${bare.toFixed(0)} /s`,
    '≥ 0.25',
  )

  const gaps = await moveWithBacklog(
    tree,
    Math.min(400, Math.max(60, sustained * 1.2 * requestsPerOrder)),
  )
  const p95 = gaps[Math.ceil(gaps.length * 0.95) - 1] ?? Number.NaN
  report(
    `handover of a queue with a backlog, ${gaps.length} of them`,
    `p95 ${ms(p95)}, worst ${ms(gaps.at(-1) ?? Number.NaN)}`,
    'p95 ≤ 250 ms, worst ≤ 1 s',
  )
}
