// `npm run demo`: releases version 1 on a real cluster, then version 2 of one service under load, and goes back and forward.
import { cp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { $, chalk, fs } from 'zx'
import { type Exchange, type Order, settle, startShoppers } from './shoppers.ts'

const root = process.cwd()
const isGitops = process.argv[2] === '--driver' && process.argv[3] === 'gitops'
const env = isGitops ? 'gitops' : 'local'
const namespace = isGitops ? 'shop-gitops' : 'shop'
const launcher = join(root, 'cli/bin/shopctl.js')

// A terminal sends Ctrl-C to shopctl too. After the first one, the demo waits until shopctl has ended. The second one
// ends the demo at once.
let interrupted = false
function interrupt(): void {
  if (interrupted) process.exit(130)
  interrupted = true
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt)

interface Status {
  operation: object | null
  lock: object | null
  services: Record<
    string,
    { active: string | null; slots: Record<string, { version: string } | null> }
  >
}

function inEnvironment(args: string[]): string[] {
  return isGitops && args[0] !== 'platform' ? [...args, '--env', env] : args
}

/** Runs shopctl in `cwd`. Its output goes to this terminal. */
async function shopctl(cwd: string, ...given: string[]): Promise<void> {
  if (interrupted) throw new Error('Interrupted.')
  const args = inEnvironment(given)
  console.log(chalk.bold(`\n$ shopctl ${args.join(' ')}`))
  await $({ cwd, stdio: 'inherit' })`node ${launcher} ${args}`
}

async function ask<T>(...args: string[]): Promise<T> {
  return JSON.parse(
    (await $({ cwd: root, quiet: true })`node ${launcher} ${inEnvironment(args)} --json`).stdout,
  ) as T
}

async function live(service: string): Promise<string> {
  const { services } = await ask<Status>('status')
  const color = services[service]?.active
  const version = color ? services[service]?.slots[color]?.version : undefined
  return color ? `${color} (${version})` : 'nothing'
}

/** Cleans up after a run that was killed: waits until its lock expires, and rolls back an interrupted switch. */
async function repair(): Promise<void> {
  for (let n = 0; n < 60 && (await ask<Status>('status')).lock; n++) await sleep(500)
  if ((await ask<Status>('status')).operation) await shopctl(root, 'rollback')
}

/** What an earlier shopctl deployed, both slots in one Helm release, stays live while its slots get releases of their own. */
async function keepEarlierLayout(): Promise<void> {
  const kubectl = async (...args: string[]): Promise<string> => {
    const line = `eval "$(node '${launcher}' platform env)" && exec kubectl --namespace shop "$@"`
    return (await $({ cwd: root, quiet: true })`sh -c ${line} kubectl ${args}`).stdout
  }
  const columns = String.raw`{range .items[*]}{.metadata.labels.app\.kubernetes\.io/name} {.metadata.annotations.meta\.helm\.sh/release-name}{"\n"}{end}`
  const rows = (await kubectl('get', 'deployments', `--output=jsonpath=${columns}`)).split('\n')
  const isEarlier = rows.some((row) => {
    const [service, release] = row.split(' ')
    return service !== '' && service === release
  })
  if (!isEarlier) return
  console.log(
    '\nThe slots are in the layout of an earlier shopctl. They are kept, and no pod restarts.',
  )
  const slots = ['deployments,poddisruptionbudgets', '--selector=app.kubernetes.io/part-of=shop']
  await kubectl('annotate', ...slots, '--overwrite', 'helm.sh/resource-policy=keep')
}

/** Copies the working tree with its uncommitted changes, and returns the path of the copy. */
async function copyTree(): Promise<string> {
  const copy = join(tmpdir(), 'shop-version-2')
  await rm(copy, { recursive: true, force: true })
  await $({ quiet: true })`git clone --quiet --local ${root} ${copy}`
  const changed = await $({
    cwd: root,
    quiet: true,
  })`git ls-files --modified --others --exclude-standard`
  for (const file of changed.lines()) {
    const [from, to] = [join(root, file), join(copy, file)]
    if (!(await fs.pathExists(from))) await rm(to, { force: true })
    else {
      await fs.ensureDir(dirname(to))
      await cp(from, to)
    }
  }
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

/** Makes version 2. `GET /openapi.json` shows the change. */
async function changeOrder(copy: string): Promise<void> {
  const file = join(copy, 'services/order/routes.ts')
  const source = await readFile(file, 'utf8')
  const edited = source.replace("summary: 'Place an order", `$& (${new Date().toISOString()})`)
  if (edited === source)
    throw new Error(`${file} does not have the line that the demo changes. Change the demo.`)
  await writeFile(file, edited)
}

function table(rows: readonly (readonly (string | number)[])[]): void {
  const widths =
    rows[0]?.map((_, column) => Math.max(...rows.map((row) => String(row[column]).length))) ?? []
  for (const row of rows) {
    console.log(
      `  ${row.map((cell, column) => String(cell).padEnd(widths[column] ?? 0)).join('   ')}`,
    )
  }
}

function failedExchange(exchange: Exchange): boolean {
  return exchange.status === 0 || exchange.status >= 400
}

function showExchanges(title: string, exchanges: readonly Exchange[]): void {
  console.log(chalk.bold(`\n${title}`))
  const seen = Map.groupBy(exchanges, ({ color, version }) => `${color} ${version}`)
  table([
    ['color', 'version', 'requests', 'failures'],
    ...[...seen].map(([slot, list]) => [
      ...slot.split(' '),
      list.length,
      list.filter(failedExchange).length,
    ]),
  ])
  for (const { method, error, status } of exchanges.filter(failedExchange).slice(0, 5)) {
    console.log(chalk.red(`  ${method} failed: ${error ?? status}`))
  }
}

function showOrders(orders: readonly Order[], placed: number): void {
  const confirmed = orders.filter(({ status }) => status === 'confirmed')
  const byVersion = Map.groupBy(confirmed, ({ settledBy }) => settledBy?.version ?? 'unknown')
  console.log(chalk.bold('\nOrders'))
  table([
    ['placed', placed],
    ['confirmed', confirmed.length],
    ...[...byVersion].map(([version, list]) => [`  by version ${version}`, list.length]),
    [
      'open or lost',
      placed - orders.filter(({ status }) => status !== 'placed' && status !== 'reserved').length,
    ],
  ])
}

function heading(text: string): void {
  console.log(chalk.bold.cyan(`\n${text}`))
}

/** Releases version 2 from `copy`, rolls back, and switches forward again, while customers place orders. */
async function releaseUnderLoad(copy: string, edgeUrl: string): Promise<void> {
  const before = await live('order')
  await changeOrder(copy)
  const shoppers = startShoppers(edgeUrl)
  try {
    await shopctl(copy, 'release', '--service', 'order')
    console.log(`\n  order: ${before} → ${await live('order')}`)
    showExchanges('What the customers saw', shoppers.exchanges)

    heading('3. Back and forward again, while customers keep ordering')
    await shopctl(copy, 'rollback')
    // What was rolled back is on hold, until somebody says why it may go live again.
    const { held } = await ask<{ held: { side: { digest: string } }[] }>('hold')
    const digests = held.map(({ side }) => side.digest)
    await shopctl(copy, 'hold', 'release', ...digests, '--reason', 'it was not the cause')
    await shopctl(copy, 'switch', '--service', 'order')
  } finally {
    await shoppers.stop()
  }
  showExchanges('What the customers saw in total', shoppers.exchanges)
  const orders = await settle(edgeUrl, shoppers.placed)
  showOrders(orders, shoppers.placed.length)
  const failures = shoppers.exchanges.filter(failedExchange).length
  const lost = shoppers.placed.length - orders.filter(({ status }) => status === 'confirmed').length
  if (failures > 0 || lost > 0)
    throw new Error(`${failures} requests failed, ${lost} orders were not confirmed`)
}

async function main(): Promise<void> {
  const started = Date.now()
  await shopctl(root, 'platform', 'up', ...(isGitops ? ['--with', 'gitops'] : []))
  if (isGitops) await shopctl(root, 'gitops', 'init')
  await repair()
  if (!isGitops) await keepEarlierLayout()
  const platform = await ask<{ edgeUrl: string }>('platform', 'status')
  // As charts/values/gitops/order.yaml says.
  const edgeUrl = isGitops ? 'http://127.0.0.1:32080' : platform.edgeUrl

  heading('1. Version 1: build, push, deploy to the idle color, smoke, switch')
  await shopctl(root, 'release')

  heading('2. Version 2 of the order service, released while customers keep ordering')
  const copy = await copyTree()
  try {
    await releaseUnderLoad(copy, edgeUrl)
    heading('4. Clean up the old slot')
    await shopctl(copy, 'cleanup')
    await shopctl(root, 'status')
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
  if (isGitops) await showCommits()
  showNextSteps(edgeUrl, Math.round((Date.now() - started) / 1000))
}

/** What the config repo says of the day. */
async function showCommits(): Promise<void> {
  heading('5. The commits in the config repo')
  const { commits } = await ask<{ commits: { commit: string; subject: string }[] }>('gitops', 'log')
  table(commits.map(({ commit, subject }) => [commit.slice(0, 12), subject]))
}

function showNextSteps(edgeUrl: string, seconds: number): void {
  const url = isGitops ? ` --url ${edgeUrl}` : ''
  const at = isGitops ? ` --env ${env}` : '           '
  console.log(`
${chalk.green('✓')} Done in ${seconds} s. The platform is still running, with the orders in it. Try next:

  npx shopctl status${at}
  npx shopctl audit${at}   # does each order add up in all four services?
  npm run load -- --rate 30 --seconds 60${url}
  curl ${edgeUrl}/openapi.json
  eval "$(npx shopctl platform env)" && kubectl get pods -n ${namespace}
  npx shopctl release${at}   # release this tree, with a change of your own
  npx shopctl platform down      # stop, and keep the data. --purge deletes it
`)
}

const isKnown = process.argv.length === 2 || (isGitops && process.argv.length === 4)
if (!isKnown) {
  console.error(
    'The demo takes no arguments but --driver gitops. To release something of your own: npx shopctl release',
  )
  process.exit(2)
}

try {
  await main()
} catch (error) {
  // shopctl has printed its own error on this terminal.
  const isPrinted = error instanceof Error && 'exitCode' in error
  if (!isPrinted)
    console.error(chalk.red(`\n${error instanceof Error ? error.message : String(error)}`))
  console.error('\nThe demo stopped. Run it again: it continues from the current state.')
  process.exit(isPrinted ? Number(error.exitCode) || 1 : 1)
}
