// What a deploy makes sure of before it writes a slot: Secrets, the guard, and what the services depend on.
import { describe, expect, it } from 'vitest'
import { failed } from '../../../src/errors.ts'
import { guardName } from '../../../src/release/deploy/environment.ts'
import { aFullConfig } from '../../fakes/config.ts'
import { createShop, type Shop } from '../../fakes/shop.ts'
import { outcomes } from '../../fakes/world.ts'

function aShop(): Shop {
  const config = aFullConfig((text) =>
    text.replace('namespace: shop', 'namespace: shop\n    broker: postgres'),
  )
  return createShop({ config })
}

function installs({ world }: Shop): string[] {
  return world.driver.installs.map(({ name }) => name).filter((name) => name !== guardName)
}

describe('dependencies', () => {
  it('are installed once, and again when chart or values changed', async () => {
    const shop = aShop()
    await shop.deploy()
    await shop.deploy()
    expect(installs(shop)).toEqual(['postgres'])
    shop.world.source.contents['charts/values/postgres.yaml'] = 'size: 2Gi'
    await shop.deploy()
    expect(installs(shop)).toHaveLength(2)
    shop.world.source.contents['charts/postgres/Chart.yaml'] = 'name: postgres\nversion: 2'
    await shop.deploy()
    expect(installs(shop)).toHaveLength(3)
    expect(shop.world.driver.installs.at(-1)).toMatchObject({
      chart: 'charts/postgres',
      valuesFiles: ['charts/values/postgres.yaml'],
    })
  })

  it('are installed before the slots, and again after an install that failed', async () => {
    const shop = aShop()
    const { driver } = shop.world
    driver.failing.postgres = failed({ code: 'helm-failed', message: 'no quota' })
    await expect(shop.deploy()).rejects.toMatchObject({ code: 'helm-failed' })
    expect(driver.writes).toEqual([])
    delete driver.failing.postgres
    await shop.deploy()
    expect(installs(shop)).toEqual(['postgres', 'postgres'])
  })

  it('of which one is the broker are repaired where somebody changed it by hand', async () => {
    const shop = aShop()
    const { world, deploy } = shop
    await deploy()
    world.broker.has.bindings = []
    await deploy()
    expect(world.progress.lines).toContain('repair postgres')
    expect(world.progress.lines.join('\n')).toContain(
      'binding events → order by stock.reserved.v1 in vhost /',
    )
    expect(installs(shop)).toHaveLength(2)
    await deploy()
    expect(installs(shop)).toHaveLength(2)
  })

  it('that are down are named', async () => {
    const shop = aShop()
    await shop.deploy()
    shop.world.sets.postgres = { ready: 0, replicas: 0 }
    await expect(shop.deploy()).rejects.toMatchObject({
      code: 'dependency-down',
      exitCode: 2,
      message: expect.stringContaining('postgres is down'),
    })
  })

  const bad = { reason: 'InvalidImageName', message: 'invalid reference format' }
  const pulling = { reason: 'ErrImagePull', message: 'no such host' }
  const podThat = (waiting: typeof bad) => {
    const containers = [{ name: 'postgres', restarts: 0, waiting, ended: null }]
    return { pods: [{ name: 'postgres-0', ready: false, containers, complaints: [] }] }
  }

  const untilEnded = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('helm was ended')))
    })

  it('that cannot start end the wait at once, with the words of the cluster', async () => {
    const shop = aShop()
    shop.world.faults.release.postgres = podThat(bad)
    const install: typeof shop.world.driver.install = (chart, signal) =>
      chart.name === 'postgres' ? untilEnded(signal) : shop.world.driver.install(chart, signal)
    const driver = { ...shop.world.driver, install }
    await expect(shop.deploy({}, { driver })).rejects.toMatchObject({
      code: 'dependency-broken',
      exitCode: 1,
      message: 'postgres: the pod cannot start, InvalidImageName: invalid reference format',
    })
  })

  it('that do not start in time are reported with the words of the cluster', async () => {
    const shop = aShop()
    shop.world.faults.release.postgres = podThat(pulling)
    shop.world.driver.failing.postgres = failed({ code: 'helm-failed', message: 'timed out' })
    await expect(shop.deploy()).rejects.toMatchObject({
      code: 'helm-failed',
      message: 'timed out\npostgres-0: ErrImagePull: no such host',
    })
  })

  it('that start are waited for', async () => {
    const shop = aShop()
    await shop.deploy()
    shop.world.sets.postgres = { ready: 0, replicas: 1 }
    const namespace = { ...shop.world.namespace, awaitStatefulSet: async () => true }
    await shop.deploy({}, { namespace })
    expect(shop.world.progress.lines).toContain('wait for postgres')
  })
})

describe('the guard', () => {
  const guards = ({ world }: Shop) => world.driver.installs.filter(({ name }) => name === guardName)
  const forbid = ({ world }: Shop): void => {
    const message = 'validatingadmissionpolicies is forbidden: User "dev" cannot create it'
    world.driver.failing[guardName] = failed({ code: 'helm-failed', message })
  }

  it('is installed once for a namespace, and again when its chart is new', async () => {
    const shop = aShop()
    await shop.deploy()
    await shop.deploy()
    expect(guards(shop)).toMatchObject([
      { chart: '/charts/shop-guard', values: { namespaceUid: 'uid-1' } },
    ])
    const guardChart = { path: '/charts/shop-guard', hash: 'guard-2' }
    await shop.deploy({ guardChart })
    expect(guards(shop)).toHaveLength(2)
    await shop.deploy({ guardChart }, { namespace: elsewhere(shop) })
    expect(guards(shop).at(-1)?.values).toEqual({ namespaceUid: 'uid-2' })
  })

  function elsewhere({ world }: Shop) {
    return { ...world.namespace, ensure: async () => 'uid-2' }
  }

  it('that may not be installed is a warning, and no deploy stops for it', async () => {
    const shop = aShop()
    forbid(shop)
    await shop.deploy()
    const warnings = () => shop.world.progress.lines.filter((line) => line.startsWith('!'))
    expect(warnings()).toEqual([
      expect.stringMatching(/^! This environment has no guard against changes of the live slots/),
    ])
    expect(outcomes(shop.world)).toEqual(['op-1 done'])
  })

  it('that may not be renewed is a warning too', async () => {
    const shop = aShop()
    await shop.deploy()
    forbid(shop)
    const guardChart = { path: '/charts/shop-guard', hash: 'guard-2' }
    await shop.deploy({ guardChart })
    expect(shop.world.progress.lines.at(-1)).toMatch(/^! This environment has an older guard/)
  })

  it('that cannot be installed for another reason stops the deploy', async () => {
    const shop = aShop()
    const problem = failed({ code: 'helm-failed', message: 'etcdserver: no space left' })
    shop.world.driver.failing[guardName] = problem
    await expect(shop.deploy()).rejects.toThrow(/no space left/)
    expect(shop.world.driver.writes).toEqual([])
  })
})

it('makes the Secrets before the slots', async () => {
  const shop = aShop()
  const before: string[][] = []
  const driver = {
    ...shop.world.driver,
    writeSlots(...args: Parameters<typeof shop.world.driver.writeSlots>) {
      before.push(Object.keys(shop.world.secrets).sort())
      return shop.world.driver.writeSlots(...args)
    },
  }
  await shop.deploy({}, { driver })
  expect(before).toEqual([['order', 'postgres', 'shopctl-hmac']])
})
