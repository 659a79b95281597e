// The very first switch of a service that fails, or is killed: nothing leads to the service afterwards.
import { beforeAll, expect, test } from 'vitest'
import { cutOffDatabase, slotSelector } from './chaos.ts'
import {
  colors,
  freshEnvironment,
  kubectlOk,
  root,
  shopctl,
  shopctlOk,
  startShopctl,
  status,
  until,
} from './shop.ts'

const all = { order: null, inventory: null, payment: null, notification: null }
const others = { order: 'blue', inventory: 'blue', payment: 'blue', notification: null }
const forced = ['--skip-smoke', '--reason', 'a test']

beforeAll(async () => {
  await freshEnvironment()
  for (const verb of ['build', 'push', 'deploy']) await shopctlOk([verb])
}, 600_000)

/** The ready addresses that the Service routes to. */
function endpoints(service: string): Promise<string> {
  const selector = `kubernetes.io/service-name=${service}`
  return kubectlOk(
    ...['get', 'endpointslices', '--selector', selector],
    '--output=jsonpath={..addresses}',
  )
}

function selectedColor(service: string): Promise<string> {
  return kubectlOk(
    ...['get', 'service', service, '--output=jsonpath={.spec.selector.shopctl\\.dev/color}'],
  )
}

async function expectNothingLive(services: readonly string[]): Promise<void> {
  for (const service of services) {
    expect(await selectedColor(service)).toBe('none')
    await until(`${service} has no endpoints`, async () => (await endpoints(service)) === '', 5_000)
  }
  expect((await status()).operation).toBeNull()
}

/** Runs while the pods of the notification cannot reach their database, so that they do not take over. */
async function cutOff(body: () => Promise<void>): Promise<void> {
  const heal = await cutOffDatabase(slotSelector('notification', 'blue'))
  try {
    await body()
  } finally {
    await heal()
  }
  await kubectlOk('rollout', 'status', 'deployment/notification-blue', '--timeout=60s')
}

/** A switch that waits for a slot that does not take over, and is killed then. */
async function killedSwitch(services: readonly string[]): Promise<void> {
  const run = startShopctl(['switch', ...services, ...forced, '--timeout', '60s'], root)
  await until('it has moved', async () => (await selectedColor('notification')) === 'blue')
  process.kill(run.child.pid ?? expect.fail(), 'SIGKILL')
  await run.ended
}

/** Waits for the lock of the killed command. */
async function rollback(): Promise<string> {
  let run = await shopctl(['rollback'])
  await until('rollback has run', async () => {
    if (!run.stderr.includes('has held the lock')) return true
    run = await shopctl(['rollback'])
    return false
  })
  expect(run.exitCode, run.stderr).toBe(0)
  return run.stdout
}

test('of all services: failed, then killed', async () => {
  const names = Object.keys(all)
  await cutOff(async () => {
    const { exitCode, stderr } = await shopctl(['switch', ...forced, '--timeout', '4s'])
    expect(stderr).toContain('No slot was live before, and none is live now')
    expect(exitCode).toBe(1)
    expect(colors(await status())).toEqual(all)
    await expectNothingLive(names)
  })
  await cutOff(async () => {
    await killedSwitch([])
    await rollback()
    expect(colors(await status())).toEqual(all)
    await expectNothingLive(names)
  })
}, 300_000)

test('of one service while the others are live: failed, then killed', async () => {
  const { notification: _, ...live } = others
  await shopctlOk(['switch', '--service', Object.keys(live).join(), ...forced])
  const one = ['--service', 'notification']
  await cutOff(async () => {
    const { exitCode, stderr } = await shopctl(['switch', ...one, ...forced, '--timeout', '4s'])
    expect(stderr).toContain('No slot was live before, and none is live now')
    expect(exitCode).toBe(1)
    expect(colors(await status())).toEqual(others)
    await expectNothingLive(['notification'])
  })
  await cutOff(async () => {
    await killedSwitch(one)
    await rollback()
    expect(colors(await status())).toEqual(others)
    await expectNothingLive(['notification'])
  })
  await shopctlOk(['switch', ...one, ...forced])
  expect(await selectedColor('notification')).toBe('blue')
}, 300_000)
