// SIGKILL to shopctl and its helm, before or after what they write, while customers order: once at each kind of write of
// each verb, and at ten more. One command makes all well.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRandom } from '../../../services/shop/load/mix.ts'
import { reachThrough } from '../real/api-proxy.ts'
import {
  colors,
  copyTree,
  ensureLive,
  other,
  releaseHolds,
  shopctlOk,
  status,
  type Tree,
} from '../real/shop.ts'
import { underLoad } from '../real/under-load.ts'
import { type KillingApi, type Point, startKillingApi } from './kills.ts'

const services = ['order', 'payment'] as const
const both = ['--service', services.join()]
const verbs = ['deploy', 'smoke', 'switch', 'rollback', 'cleanup'] as const
type Verb = (typeof verbs)[number]
/** What is done before a verb, so that it has everything to do. */
const first: Record<Verb, readonly Verb[]> = {
  deploy: ['cleanup'],
  smoke: ['deploy'],
  switch: ['deploy', 'smoke'],
  rollback: ['deploy', 'smoke', 'switch'],
  cleanup: ['deploy'],
}
const random = 10

let api: KillingApi
let tree: Tree

beforeAll(async () => {
  await ensureLive()
  api = await startKillingApi('killing')
  tree = await copyTree()
  await reachThrough(tree, 'killing')
}, 300_000)

afterAll(async () => {
  await api?.close()
  await tree?.remove()
})

const argsOf = (verb: Verb): string[] => (verb === 'rollback' ? [verb] : [verb, ...both])
const run = (...args: string[]) => shopctlOk(args, { cwd: tree.dir, env: api.env })

/** Makes a new version, and does what comes before the verb. */
async function prepare(verb: Verb): Promise<void> {
  for (const name of services) await tree.append(`services/${name}/main.ts`, '\n// one more\n')
  await run('build', ...both)
  await run('push', ...both)
  for (const each of first[verb]) await run(...argsOf(each))
}

/** The one color of both. */
async function liveColor(): Promise<string | null> {
  const { order, payment } = colors(await status())
  expect(payment).toBe(order)
  return order ?? null
}

const ways = ['resume', 'rollback'] as const
let interrupted = 0
let killed = 0

/** Kills the verb there, and makes all well. */
async function survive(verb: Verb, point: Point): Promise<void> {
  const what = `${verb}, ${point.when} ${point.kind} ${point.nth}`
  await prepare(verb)
  const before = await liveColor()
  const { isKilled, exitCode, stderr } = await api.run(argsOf(verb), tree.dir, point)
  expect(isKilled || exitCode === 0, `${what}: ${exitCode}\n${stderr}`).toBe(true)
  if (isKilled) killed += 1
  const { operation, services: now } = await status()
  const isMove = operation?.verb === 'switch' || operation?.verb === 'rollback'
  const way = isMove ? (ways[interrupted++ % 2] ?? 'resume') : null
  const live = now.order?.active
  if (way) await run(way)
  else if (live === before) await run(...argsOf(verb))
  console.info(`${what}: ${isKilled ? 'killed' : 'was over'}${way ? `, then ${way}` : ''}`)
  const after = await status()
  expect(after.operation, what).toBeNull()
  expect(after.lock, what).toBeNull()
  const isMoved = verb === 'rollback' || (verb === 'switch' && way !== 'rollback')
  expect(await liveColor(), what).toBe(isMoved ? other(before) : before)
  await releaseHolds()
}

/** The kinds of writes of each verb, in an order of its own. */
async function countWrites(): Promise<[Verb, string[]][]> {
  const found: [Verb, string[]][] = []
  for (const verb of verbs) {
    await prepare(verb)
    const { exitCode, stderr, writes } = await api.run(argsOf(verb), tree.dir, null)
    expect(exitCode, stderr).toBe(0)
    expect(new Set(writes).size, verb).toBeGreaterThan(2)
    found.push([verb, writes])
    await releaseHolds()
  }
  return found
}

test('is survived at every kind of write, and at ten others', async () => {
  const seed = Number(process.env.SHOPCTL_TEST_SEED ?? Date.now() % 100_000)
  const next = createRandom(seed)
  const whenOf = () => (next() < 0.5 ? 'before' : 'after')
  await underLoad({ rate: 6 }, async () => {
    const writes = await countWrites()
    const all = writes.flatMap(([verb, kinds]) =>
      kinds.map((kind, at) => ({
        verb,
        kind,
        nth: kinds.slice(0, at).filter((each) => each === kind).length,
      })),
    )
    const others = Array.from({ length: random }, () => all[Math.floor(next() * all.length)])
    const chosen = [...all.filter(({ nth }) => nth === 0), ...others].filter(
      (one) => one !== undefined,
    )
    console.info(`seed ${seed}: ${chosen.length} of ${all.length} writes`)
    for (const { verb, kind, nth } of chosen) await survive(verb, { kind, nth, when: whenOf() })
    // Not each write is made in each run.
    expect(killed).toBeGreaterThan(0.7 * chosen.length)
  })
}, 3_600_000)
