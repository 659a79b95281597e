// What metrics and logs cost the services, and what the observability stack itself takes. Runs in environment `local`, on the
// shop and the stack as they are, and leaves them so.
import { randomUUID } from 'node:crypto'
import { startLoad } from '../../services/shop/load/drive.ts'
import { describe, isExact } from '../../services/shop/load/report.ts'
import { refused } from '../src/errors.ts'
import { getJson, numberOf, platform, stack } from '../test/real/observability.ts'
import { kubectlOk, type Status, shopctlJson, shopctlOk, until } from '../test/real/shop.ts'
import { requestsPerOrder } from './events.ts'
import { interruption, pause } from './interruption.ts'
import { median, medianOf, type Report, seconds } from './measure.ts'
import { cpuSecondsOf, podFolder, podsFolder, workingSetOf } from './usage.ts'

const local = ['--env', 'local']
const namespace = 'shop'
const rate = 60
const roundSeconds = 25
const pairs = 5
/** After a start, Prometheus reads its log, and the collector what was written without it. */
const settleMs = 15_000

/** CPU milliseconds per order, with metrics and logs and without. */
export interface Pair {
  on: number
  off: number
}

export function costText(measured: readonly Pair[]): string {
  const ratios = measured.map(({ on, off }) => on / off)
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)].map((ratio) => ratio.toFixed(3))
  const [on, off] = [measured.map((pair) => pair.on), measured.map((pair) => pair.off)]
  const times = `${medianOf(off).toFixed(2)} → ${medianOf(on).toFixed(2)} ms`
  return `${medianOf(ratios).toFixed(3)} × (${least} to ${most}; ${times})`
}

/** Every second pair runs the other way round: fewer changes, and a drift of the machine cancels out. */
export function turnsOf(count: number): boolean[][] {
  return Array.from({ length: count }, (_, n) => (n % 2 === 0 ? [true, false] : [false, true]))
}

export interface PlatformStatus {
  running: boolean
  edgeUrl: string | null
  with: string[]
}

/** The base of the order API. Refuses when there is nothing to measure. */
export function checkInstalled({ running, edgeUrl, with: added }: PlatformStatus): string {
  const command = 'shopctl platform up --with observability'
  if (running && edgeUrl !== null && added.includes(stack)) return edgeUrl
  throw refused({
    code: 'no-observability',
    message: running ? 'The observability stack is not installed.' : 'The platform is not running.',
    hint: `Run \`${command}\`, then the same again.`,
  })
}

/** Label selectors of the live slots. Refuses when a service is not live. */
export function liveSlots({ services }: Pick<Status, 'services'>): string[] {
  return Object.entries(services).map(([name, { active }]) => {
    if (active !== null) return `app.kubernetes.io/name=${name},shopctl.dev/color=${active}`
    throw refused({
      code: 'not-live',
      message: `No slot of ${name} is live in environment local.`,
      hint: 'Run `npm run demo`, then the same again.',
    })
  })
}

export function slotsOf({ services }: Pick<Status, 'services'>): number {
  return Object.values(services)
    .flatMap(({ slots }) => Object.values(slots))
    .filter((slot) => slot !== null).length
}

/** kubectl in the namespace of the stack. */
function inStack(...args: string[]): Promise<string> {
  return kubectlOk(...args, `--namespace=${stack}`)
}

/** Uids of the pods that run. */
async function podsOf(...args: string[]): Promise<string[]> {
  const running = '--field-selector=status.phase=Running'
  const output = String.raw`--output=jsonpath={range .items[*]}{.metadata.uid}{"\n"}{end}`
  return (await kubectlOk('get', 'pods', running, output, ...args)).split('\n').filter(Boolean)
}

const nowhere = 'shopctl.dev/nowhere'

/** Takes Prometheus and the collector away, or brings them back. The services then are neither asked nor read. */
async function observe(on: boolean): Promise<void> {
  const template = { spec: { nodeSelector: { [nowhere]: on ? null : 'true' } } }
  const patch = JSON.stringify({ spec: { template } })
  await inStack('scale', 'statefulset/prometheus', `--replicas=${on ? 1 : 0}`)
  await inStack('patch', 'daemonset/log-collector', '--type=merge', `--patch=${patch}`)
  if (on) {
    await inStack('rollout', 'status', 'statefulset/prometheus', '--timeout=180s')
    await inStack('rollout', 'status', 'daemonset/log-collector', '--timeout=180s')
  } else {
    const gone = 'app.kubernetes.io/name in (prometheus, log-collector)'
    const named = async (): Promise<string> =>
      inStack('get', 'pods', '--output=name', '--selector', gone)
    await until('Prometheus and the collector are away', async () => !(await named()), 180_000)
  }
}

interface Shop {
  url: string
  /** The cgroups of the pods of the live slots. */
  pods: string[]
  signal: AbortSignal
}

/** CPU milliseconds of the pods per order. Throws when an order is lost or has the wrong outcome. */
async function costOfOrder({ url, pods, signal }: Shop): Promise<number> {
  const used = async (): Promise<number> => sum(await Promise.all(pods.map(cpuSecondsOf)))
  signal.throwIfAborted()
  const before = await used()
  const load = startLoad({ url, rate: rate * requestsPerOrder, seconds: roundSeconds, seed: 1 })
  const stop = (): void => void load.stop()
  signal.addEventListener('abort', stop)
  const report = await load.ended.finally(() => signal.removeEventListener('abort', stop))
  signal.throwIfAborted()
  if (!isExact(report)) throw new Error(describe(report).join('\n'))
  return (1000 * ((await used()) - before)) / report.accepted
}

async function measurePairs(shop: Shop): Promise<Pair[]> {
  const measured: Pair[] = []
  let isOn = true
  try {
    await costOfOrder(shop) // warms the services up
    for (const turn of turnsOf(pairs)) {
      const pair = { on: 0, off: 0 }
      for (const on of turn) {
        shop.signal.throwIfAborted()
        if (on !== isOn) {
          isOn = on
          await observe(on)
          await pause(settleMs, shop.signal)
        }
        pair[on ? 'on' : 'off'] = await costOfOrder(shop)
      }
      console.log(`  ${pair.off.toFixed(2)} ms without, ${pair.on.toFixed(2)} ms with`)
      measured.push(pair)
    }
  } finally {
    await observe(true)
  }
  return measured
}

/** Bytes of all pods of the stack, those beside the databases too. */
async function memoryOfStack(): Promise<number> {
  const uids = await podsOf(
    '--all-namespaces',
    '--selector=app.kubernetes.io/part-of=observability',
  )
  const folder = await podsFolder('memory')
  return sum(await Promise.all(uids.map((uid) => workingSetOf(podFolder(folder, uid)))))
}

/** Places an order. Resolves to its id when the lines of all services are in the store. */
async function orderInLogs(url: string, services: readonly string[]): Promise<string> {
  const answer = await fetch(`${url}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
    body: JSON.stringify({
      items: [{ sku: 'mug', quantity: 1 }],
      customer: { email: 'bench@example.com' },
      payment: { token: 'tok_ok' },
    }),
  })
  const { id } = (await answer.json()) as { id: string }
  await until(`all services have lines of the order ${id} in the store`, async () => {
    const { from, lines } = await shopctlJson<{ from: string; lines: { service: string }[] }>([
      'logs',
      '--order',
      id,
      ...local,
    ])
    return from !== 'pods' && services.every((name) => lines.some((line) => line.service === name))
  })
  return id
}

async function linesOfHour(): Promise<string> {
  const query = encodeURIComponent('_time:1h | stats count() as lines')
  return (await getJson<{ lines: string }>('logs', `/select/logsql/query?query=${query}`)).lines
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

export async function benchObservability(report: Report): Promise<void> {
  const url = checkInstalled(JSON.parse(await platform('status', '--json')))
  const status = await shopctlJson<Status>(['status', ...local])
  const selectors = liveSlots(status)
  const signal = interruption()

  const up = await median(3, () => platform('up', '--with', stack))
  report('`platform up --with observability` when up', seconds(up), '≤ 20 s')
  await pause(settleMs, signal)
  const memory = await memoryOfStack()
  report('memory of the stack at rest', `${(memory / 1e6).toFixed(0)} MB`, '≤ 600 MB')

  const series = await numberOf('count({__name__=~".+"})')
  report('active series', `${series} with ${slotsOf(status)} slots in \`local\``, '≤ 20,000')

  const inShop = `--namespace=${namespace}`
  const uids = await Promise.all(selectors.map((slot) => podsOf(inShop, '--selector', slot)))
  const folder = await podsFolder('cpuacct')
  const pods = uids.flat().map((uid) => podFolder(folder, uid))
  const cost = await measurePairs({ url, pods, signal })
  report(`CPU time per order at ${rate} orders/s, with against without`, costText(cost), '≤ 1.03 ×')

  const id = await orderInLogs(url, Object.keys(status.services))
  const lines = await linesOfHour()
  const asked = await median(5, () => shopctlOk(['logs', '--order', id, ...local]))
  report(`\`logs --order ID\`, one hour of logs (${lines} lines)`, seconds(asked), '≤ 1 s')
}
