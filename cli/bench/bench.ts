// `npm run bench` measures the README's figures in one run on the running platform, in environment `test`.
// `npm run bench -- events` measures only the event backbone, `-- fresh` only releases from an empty machine, `-- eks`
// only the login to EKS. `-- observability` measures what metrics and logs cost, in environment `local`: see there.
// `-- report` takes the picture of a report, with `apt-get install chromium`. `-- --peer argo-rollouts` measures shopctl beside
// Argo Rollouts, in namespaces of its own.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { KubeConfig, type V1Pod, Watch } from '@kubernetes/client-node'
import { createShell } from '../src/adapters/shell.ts'
import { ShopctlError } from '../src/errors.ts'
import {
  copyTree,
  ensureLive,
  freshEnvironment,
  kubectlOk,
  namespace,
  other,
  platformEnv,
  root,
  shopctlOk,
  status,
} from '../test/real/shop.ts'
import { benchEvents } from './events.ts'
import { benchFreshMachine } from './fresh-machine.ts'
import { benchGitops } from './gitops.ts'
import { median, seconds, timed } from './measure.ts'
import { benchObservability } from './observability.ts'
import { benchPeer, peerDefaults, peerOptions } from './peer/peer.ts'
import { benchReport } from './report.ts'

const shell = createShell()
const rows: [what: string, measured: string, reach: string][] = []

function report(what: string, measured: string, reach: string): void {
  rows.push([what, measured, reach])
  console.log(`${what}: ${measured} (${reach})`)
}

function node(...args: string[]): Promise<string> {
  return shell.check({ program: process.execPath, args, cwd: root })
}
const launcher = join(root, 'cli/bin/shopctl.js')

/** Bytes of memory in use on this machine, without the page cache. */
function memoryInUse(): number {
  const info = readFileSync('/proc/meminfo', 'utf8')
  const kib = (field: string): number =>
    Number(new RegExp(String.raw`^${field}: +(\d+)`, 'm').exec(info)?.[1])
  return (kib('MemTotal') - kib('MemAvailable')) * 1024
}

function isReady(pod: V1Pod): boolean {
  return (
    pod.status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ??
    false
  )
}

/** Milliseconds from creation to Ready, by a watch, of the pods that are created during `run`. */
async function watchPods(run: () => Promise<void>): Promise<{ pods: number[]; jobs: number[] }> {
  const config = new KubeConfig()
  config.loadFromFile((await platformEnv()).KUBECONFIG ?? '')
  const added = new Map<string, number>()
  const pods = new Map<string, number>()
  const jobs = new Map<string, number>()
  let started = false
  const watch = await new Watch(config).watch(
    `/api/v1/namespaces/${namespace}/pods`,
    {},
    (type: string, pod: V1Pod) => {
      const name = pod.metadata?.name ?? ''
      const now = performance.now()
      if (type === 'ADDED' && started) added.set(name, now)
      const since = added.get(name)
      if (since === undefined) return
      if (isReady(pod) && !pods.has(name)) pods.set(name, now - since)
      if (pod.status?.phase === 'Succeeded' && !jobs.has(name)) jobs.set(name, now - since)
    },
    () => {},
  )
  await new Promise((resolve) => setTimeout(resolve, 1_000)) // skips the existing pods
  started = true
  await run()
  watch.abort()
  return {
    pods: [...pods].filter(([name]) => !jobs.has(name)).map(([, ms]) => ms),
    jobs: [...jobs.values()],
  }
}

async function benchReleases(): Promise<void> {
  const bare = await median(9, () => node('-e', '0'))
  const help = await median(9, () => node(launcher, '--help'))
  report(
    '`shopctl --help`, cold',
    `${help.toFixed(0)} ms, ${(help / bare).toFixed(1)} × a bare node`,
    '≤ 200 ms',
  )

  const free = await (async () => {
    await node(launcher, 'platform', 'down')
    return memoryInUse()
  })()
  report(
    '`platform up` when built',
    seconds(await timed(() => node(launcher, 'platform', 'up'))),
    '≤ 30 s',
  )
  report(
    '`platform up` when up',
    seconds(await timed(() => node(launcher, 'platform', 'up'))),
    'safe to repeat',
  )

  await freshEnvironment()
  report('first `release` of four services', seconds(await timed(() => shopctlOk(['release']))), '')

  report('`build`, nothing changed', seconds(await median(3, () => shopctlOk(['build']))), '≤ 2 s')

  const tree = await copyTree()
  try {
    const options = { cwd: tree.dir }
    await shopctlOk(['build'], options)
    await tree.edit(
      'services/order/routes.ts',
      "summary: 'Place an order'",
      "summary: 'Place an order, bench'",
    )
    const changed = await timed(async () => {
      await shopctlOk(['build'], options)
      await shopctlOk(['push'], options)
    })
    report('`build` + `push` after one line changed in one service', seconds(changed), '≤ 8 s')

    for (const name of Object.keys((await status()).services)) {
      await tree.append(`services/${name}/main.ts`, '\n// bench\n')
    }
    await shopctlOk(['build'], options)
    await shopctlOk(['push'], options)
    const { active } = (await status()).services.payment ?? {}
    const standbyPayment = `app.kubernetes.io/name=payment,shopctl.dev/color=${other(active)}`
    let deploy = 0
    const { pods, jobs } = await watchPods(async () => {
      deploy = await timed(() => shopctlOk(['deploy'], options))
    })
    const slowest = Math.max(...pods) + Math.max(0, ...jobs)
    report('slowest of eight pods to Ready', seconds(Math.max(...pods)), '≤ 4 s')
    report(
      '`deploy` of four services over the slowest pod (and Job)',
      `${(deploy / slowest).toFixed(2)} × (${seconds(deploy)} / ${seconds(slowest)})`,
      '≤ 1.5 ×',
    )
    const alone = await watchPods(async () => {
      const [pod = ''] = (await kubectlOk('get', 'pods', '-o', 'name', '-l', standbyPayment)).split(
        '\n',
      )
      await kubectlOk('delete', pod)
      await kubectlOk('rollout', 'status', 'deployment', '-l', standbyPayment)
    })
    report('a pod alone to Ready', seconds(Math.max(...alone.pods)), '≤ 1 s')
    report(
      'memory of everything, both colors',
      `${((memoryInUse() - free) / 2 ** 30).toFixed(2)} GiB`,
      '≤ 4 GiB',
    )
    await shopctlOk(['smoke'], options)
    report(
      '`switch` of four services',
      seconds(await timed(() => shopctlOk(['switch'], options))),
      '',
    )
    report(
      '`rollback` of four services',
      seconds(await timed(() => shopctlOk(['rollback'], options))),
      '',
    )
  } finally {
    await tree.remove()
  }
}

/** What a login to EKS adds to a command that knows the address of the cluster. */
async function benchEksToken(): Promise<void> {
  const env = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }
  const args = [join(root, 'cli/bench/eks-token.ts')]
  const samples: number[] = []
  for (let n = 0; n < 9; n++)
    samples.push(Number(await shell.check({ program: process.execPath, args, env })))
  const sorted = samples.toSorted((a, b) => a - b)
  const [least, half, most] = [0, 4, 8].map((at) => (sorted[at] ?? Number.NaN).toFixed(0))
  report(
    'the first token for EKS in a process',
    `${least} to ${most} ms, median ${half} ms`,
    '≤ 50 ms',
  )
}

/** Ends as shopctl does: with what is wrong, and what to do. */
function leave(error: unknown): never {
  if (!(error instanceof ShopctlError)) throw error
  console.error([error.message, error.hint ?? ''].join('\n').trimEnd())
  process.exit(error.exitCode)
}

const { values, positionals: parts } = parseArgs({
  allowPositionals: true,
  options: {
    peer: { type: 'string' },
    rounds: { type: 'string', default: peerDefaults.rounds },
    output: { type: 'string', default: peerDefaults.output },
  },
})
const { peer } = values
if (peer !== undefined) {
  await Promise.resolve({ ...values, peer })
    .then(peerOptions)
    .then(benchPeer)
    .catch(leave)
  process.exit()
}
if (parts.length === 0) await benchReleases()
if (parts.length === 0 || parts.includes('events')) {
  await ensureLive()
  const tree = await copyTree()
  try {
    await benchEvents(tree, report)
  } finally {
    await tree.remove()
  }
}
if (parts.length === 0 || parts.includes('fresh')) {
  const tree = await copyTree()
  try {
    await benchFreshMachine(tree, report)
  } finally {
    await tree.remove()
  }
}
if (parts.length === 0 || parts.includes('eks')) await benchEksToken()
// Never with all: these are not there unless somebody asked for them.
if (parts.includes('observability')) await benchObservability(report).catch(leave)
if (parts.includes('report')) await benchReport(report).catch(leave)
// Last: it is in an environment of its own.
if (parts.includes('gitops')) await benchGitops(report)

console.log('\n| What | Measured | Reach |\n|---|---|---|')
for (const row of rows) console.log(`| ${row.join(' | ')} |`)
