// Both slots are asked at a breach, and nothing is moved for that.
import { expect, it, vi } from 'vitest'
import type { Login } from '../../../src/release/ports/cluster.ts'
import { askSlots } from '../../../src/release/watch/ask.ts'
import { pairsOf } from '../../../src/release/watch/subject.ts'
import { releasedTwice, type Shop } from '../../fakes/shop.ts'
import type { Ports } from '../../fakes/world.ts'

const away: Login = { state: 'unreachable', problem: 'the broker does not answer' }

async function ask(shop: Shop, ports: Partial<Ports> = {}) {
  const { world, config } = shop
  const last = world.state.journal.closed.at(-1)
  const services = pairsOf(last?.services ?? []).filter(({ name }) => name === 'order')
  const before = [...world.log]
  const asked = await askSlots({ ...world, ...ports }, { config, namespaceName: 'shop' }, services)
  expect(world.log).toEqual(before)
  // It has not waited for the slot that is no longer needed.
  await vi.waitFor(() => expect(world.ways.size).toBe(0))
  return asked
}

/** `fails`: the color whose test fails. */
function failing({ world }: Shop, ...fails: string[]): Partial<Ports> {
  const script: Ports['programs']['script'] = async (_, { SHOPCTL_COLOR: color = '' }) =>
    fails.includes(color)
      ? { exitCode: 1, stdout: '', output: 'ok: /healthz\nfailed: GET /orders: 503' }
      : { exitCode: 0, stdout: '', output: '' }
  return { programs: { ...world.programs, script } }
}

it.each<[string, string[], boolean, RegExp]>([
  ['both pass', [], false, /order (blue \(old\)|green \(live\)) passes its test/],
  ['the live one fails', ['green'], false, /order blue \(old\) passes its test/],
  ['the old one fails', ['blue'], false, /order green \(live\) passes its test/],
  [
    'both fail',
    ['blue', 'green'],
    true,
    /^order blue \(old\): its smoke script failed; order green \(live\): its smoke script failed$/,
  ],
])('where %s', async (_, fails, isOutside, what) => {
  const shop = await releasedTwice()
  expect(await ask(shop, failing(shop, ...fails))).toEqual({
    isOutside,
    what: expect.stringMatching(what),
    printed: isOutside
      ? ['order blue: failed: GET /orders: 503', 'order green: failed: GET /orders: 503']
      : [],
  })
})

it('each script gets a way to one pod of its slot', async () => {
  const shop = await releasedTwice()
  const { programs } = shop.world
  programs.scripts = []
  await ask(shop)
  const urls = programs.scripts.map(({ env }) => `${env.SHOPCTL_COLOR} ${env.SHOPCTL_PREVIEW_URL}`)
  expect(urls).toEqual([
    expect.stringMatching(/^blue http:\/\/127\.0\.0\.1:1\/order-blue-\w+-0$/),
    expect.stringMatching(/^green http:\/\/127\.0\.0\.1:1\/order-green-\w+-0$/),
  ])
})

it('what neither slot can log in to is outside', async () => {
  const shop = await releasedTwice()
  Object.assign(shop.world.faults.logins, { 'order-blue': away, 'order-green': away })
  expect(await ask(shop)).toEqual({
    isOutside: true,
    printed: [],
    what: expect.stringContaining('order blue (old): cannot log in: the broker does not answer'),
  })
})

it.each<[string, (shop: Shop) => Partial<Ports>, RegExp]>([
  [
    'has no pods',
    ({ world }) => ({
      pods: {
        ...world.pods,
        list: async (name, target) =>
          target.color === 'blue' ? [] : world.pods.list(name, target),
      },
    }),
    /blue \(old\) could not be tested: it has no pods/,
  ],
  [
    'may not be asked',
    ({ world }) => ({
      traffic: {
        ...world.traffic,
        openPod: async (_, pod) => ({
          ...{ url: `http://127.0.0.1:1/${pod}`, close: async () => {} },
          isDenied: () => pod.includes('blue'),
        }),
      },
    }),
    /blue \(old\) could not be tested: you may not send requests to its pods/,
  ],
])('an old slot that %s is no reason to stay', async (_, ports, what) => {
  const shop = await releasedTwice()
  const asked = await ask(shop, { ...failing(shop, 'blue', 'green'), ...ports(shop) })
  expect(asked).toMatchObject({ isOutside: false, what: expect.stringMatching(what) })
})
