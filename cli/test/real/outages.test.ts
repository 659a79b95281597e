// The database, the broker, the registry or the cluster is away, or goes away in the middle: what serves stays.
// A registry that is lost in the middle of a push: apart/registry-lost.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import {
  colors,
  copyTree,
  edgeUrl,
  ensureLive,
  kubectlOk,
  other,
  platformEnv,
  shopctl,
  shopctlOk,
  startShopctl,
  status,
  type Tree,
  until,
} from './shop.ts'
import { openWay } from './way.ts'

/** Makes environment `test` of a copy one that names a context and a registry of its own. */
function reachBy(tree: Tree, context: string, registry: string): Promise<void> {
  return tree.edit(
    'shopctl.yaml',
    /(\n {2}test:\n(?: {4}.*\n)*? {4}cluster: )embedded/,
    `$1{ context: ${context}, registry: ${registry} }`,
  )
}

/** A new payment service that takes its time to start, so that a test can act before it is ready. */
async function slowPayment(tree: Tree): Promise<void> {
  const file = join(tree.dir, 'services/payment/main.ts')
  const pause = `await new Promise((resolve) => setTimeout(resolve, 6_000)) // ${Date.now()}\n`
  await writeFile(file, `${pause}${await readFile(file, 'utf8')}`)
  await shopctlOk(['build', '--service', 'payment'], { cwd: tree.dir })
  await shopctlOk(['push', '--service', 'payment'], { cwd: tree.dir })
}

async function stop(name: string): Promise<void> {
  await kubectlOk('scale', `statefulset/${name}`, '--replicas=0')
  await kubectlOk('wait', '--for=delete', `pod/${name}-0`, '--timeout=60s')
}

async function start(name: string): Promise<void> {
  await kubectlOk('scale', `statefulset/${name}`, '--replicas=1')
  const ready = '--for=jsonpath={.status.readyReplicas}=1'
  await kubectlOk('wait', ready, `statefulset/${name}`, '--timeout=90s')
  const deployments = ['deployment', '-l', 'app.kubernetes.io/part-of=shop']
  await kubectlOk('wait', '--for=condition=available', ...deployments, '--timeout=90s')
}

describe('outages', { timeout: 240_000 }, () => {
  let tree: Tree
  let before: Record<string, string | null>
  beforeAll(async () => {
    await ensureLive()
    // Postgres and RabbitMQ as this tree has them: a deploy that has to upgrade them would start them again.
    for (const verb of ['build', 'push', 'deploy']) await shopctlOk([verb, '--service', 'payment'])
  })
  beforeEach(async () => {
    tree = await copyTree()
    before = colors(await status())
  })
  afterEach(async () => {
    await tree.remove()
    expect((await fetch(`${edgeUrl}/healthz`)).status).toBe(200)
  })

  test('the cluster out of reach: says which and how it was addressed', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'kubeconfig-'))
    await reachBy(tree, 'gone', '127.0.0.1:5000')
    await writeFile(
      join(dir, 'config'),
      `apiVersion: v1
kind: Config
clusters: [{ name: gone, cluster: { server: "https://127.0.0.1:1" } }]
users: [{ name: gone, user: {} }]
contexts: [{ name: gone, context: { cluster: gone, user: gone } }]
`,
    )
    const { exitCode, stderr } = await shopctl(['status'], {
      cwd: tree.dir,
      env: { KUBECONFIG: join(dir, 'config') },
    })
    await rm(dir, { recursive: true })
    expect(stderr).toContain('https://127.0.0.1:1')
    expect(exitCode).toBe(2)
  })

  test('the registry out of reach: says which', async () => {
    await reachBy(tree, 'embedded', '127.0.0.1:1')
    const { exitCode, stderr } = await shopctl(['push', '--service', 'payment'], {
      cwd: tree.dir,
      env: await platformEnv(),
    })
    expect(stderr).toContain('127.0.0.1:1')
    expect(exitCode).toBe(2)
  })

  test.each([
    ['postgres', /postgres|database/i],
    ['rabbitmq', /rabbitmq|broker/i],
  ])(
    '%s going down in the middle of a deploy: says what is missing; another is refused until it is back',
    async (name, says) => {
      await slowPayment(tree)
      const selector = `app.kubernetes.io/name=payment,shopctl.dev/color=${other(before.payment)}`
      const pods = async (): Promise<string[]> =>
        (await kubectlOk('get', 'pods', '-l', selector, '-o', 'name')).split('\n').filter(Boolean)
      const earlier = await pods()
      const run = startShopctl(['deploy', '--service', 'payment', '--timeout', '25s'], tree.dir)
      await until('new pods are started', async () => {
        return run.child.exitCode !== null || (await pods()).some((pod) => !earlier.includes(pod))
      })
      await stop(name)
      try {
        const [code] = await run.ended
        expect(run.stderr()).toMatch(says)
        expect(code).toBe(1)
        const refused = await shopctl(['deploy', '--service', 'payment'], { cwd: tree.dir })
        expect(refused.stderr).toMatch(says)
        expect(refused.exitCode).toBe(2)
        expect(colors(await status())).toEqual(before)
      } finally {
        await start(name)
      }
      await shopctlOk(['deploy', '--service', 'payment'], { cwd: tree.dir })
    },
  )

  test('the cluster lost in the middle of a deploy: says so, and the next one works', async () => {
    await slowPayment(tree)
    const tools = await platformEnv()
    const way = await openWay('10.245.0.1', 6443)
    const file = join(tree.dir, 'kubeconfig')
    const config = parse(await readFile(String(tools.KUBECONFIG), 'utf8'))
    const server = `https://127.0.0.1:${way.port}`
    Object.assign(config.clusters[0].cluster, { server, 'tls-server-name': 'kubernetes' })
    await writeFile(file, stringify(config))
    await reachBy(tree, config['current-context'], '127.0.0.1:5000')
    const run = startShopctl(['deploy', '--service', 'payment'], tree.dir, {
      ...tools,
      KUBECONFIG: file,
    })
    await until('it holds the lock', async () => {
      return run.child.exitCode !== null || (await status()).lock !== null
    })
    await sleep(2_000)
    way.cut()
    const [code] = await run.ended
    expect(run.stderr()).toContain(server)
    expect(code).toBe(1)
    expect(colors(await status())).toEqual(before)
    await until('its lock runs out', async () => (await status()).lock === null)
    await tree.edit('shopctl.yaml', /cluster: \{ context.*/, 'cluster: embedded')
    await shopctlOk(['deploy', '--service', 'payment'], { cwd: tree.dir })
  })
})
