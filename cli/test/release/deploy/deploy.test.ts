// A deploy writes the standby slots, waits until they are ready, and leaves alone what serves.
import { describe, expect, it } from 'vitest'
import { failed, refused } from '../../../src/errors.ts'
import { createShop, type Shop } from '../../fakes/shop.ts'
import { outcomes, previewOf } from '../../fakes/world.ts'

async function released(): Promise<Shop> {
  const shop = createShop()
  await shop.release()
  shop.commit('b')
  return shop
}

describe('a deploy', () => {
  it('hands the chart the image by digest, and what the slot is', async () => {
    const { world, deploy } = createShop()
    const [deployed] = await deploy({ services: ['order'] })
    const { order } = world.state.services
    expect(deployed).toMatchObject({
      service: 'order',
      color: 'blue',
      version: '1a2b3c4d',
      action: 'upgrade',
      revision: order?.slots.blue?.revision,
    })
    const [write] = world.driver.writes
    expect(write).toEqual({
      service: 'order',
      color: 'blue',
      name: 'order-blue',
      chart: 'charts/app',
      valuesFiles: ['charts/values/order.yaml'],
      values: {
        shopctl: {
          system: 'shop',
          service: 'order',
          color: 'blue',
          image: `127.0.0.1:5000/shop/order@${order?.slots.blue?.digest}`,
          version: '1a2b3c4d',
          revision: deployed?.revision,
          secrets: {},
          configMaps: {},
          migrations: expect.stringMatching(/^[0-9a-f]{10}$/),
          migrate: true,
        },
      },
      marks: {
        revision: expect.any(String),
        checked: expect.any(String),
        shared: expect.any(String),
        contents: 'none',
        uses: expect.stringMatching(/^[0-9a-f]{12}$/),
      },
      atLeast: 0,
      declared: 2,
      shared: {
        name: 'order',
        chart: '/charts/shop-service',
        valuesFiles: [],
        values: {
          shopctl: {
            system: 'shop',
            service: 'order',
            ports: { stable: 'http', preview: 'preview' },
          },
        },
        marks: { rendered: expect.any(String) },
      },
    })
  })

  it('touches nothing when it serves already', async () => {
    const { world, deploy, release } = createShop()
    await release()
    const before = [world.log.length, world.driver.writes.length]
    expect((await deploy()).map(({ action }) => action)).toEqual(['live', 'live'])
    expect([world.log.length, world.driver.writes.length]).toEqual(before)
    expect(outcomes(world)).toHaveLength(3)
  })

  it('writes nothing when it stands by already', async () => {
    const { world, deploy } = await released()
    await deploy()
    const before = world.log.length
    expect((await deploy()).map(({ action }) => action)).toEqual(['ready', 'ready'])
    expect(world.log).toHaveLength(before)
  })

  it('writes anew what was left half-way', async () => {
    const { world, deploy } = await released()
    await deploy()
    world.driver.releases['order-green'] = { finished: false, marks: {} }
    expect((await deploy()).map(({ action }) => action)).toEqual(['upgrade', 'ready'])
    expect(world.driver.releases['order-green']?.finished).toBe(true)
  })

  it('takes a candidate back when what serves is wanted again', async () => {
    const { world, deploy, commit } = await released()
    await deploy()
    commit('1')
    world.source.head = '1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d'
    for (const name of ['order', 'payment']) world.source.contents[`${name}/main.ts`] = name
    expect((await deploy()).map(({ action }) => action)).toEqual(['live', 'live'])
    expect(previewOf(world, 'order')?.color).toBe('blue')
  })

  it('is recorded with what it wrote over, its phases, and who it was', async () => {
    const { world, deploy } = await released()
    const before = structuredClone(world.state.services.order?.slots)
    await deploy({ services: ['order'], reason: 'a fix' })
    await deploy({ services: ['order'] })
    expect(world.state.journal.closed.at(-1)).toMatchObject({
      verb: 'deploy',
      release: null,
      outcome: 'done',
      by: 'me@here',
      reason: 'a fix',
      error: null,
      services: [
        { name: 'order', from: before?.green, to: { color: 'green', version: 'bbbbbbbb' } },
      ],
      phases: [{ name: 'prepare' }, { name: 'write' }],
    })
  })

  it('tells the chart to leave the migrations out that the live pods prove', async () => {
    const { world, deploy, commit } = await released()
    const migrates = () =>
      world.driver.writes.map(({ values }) => (values.shopctl as { migrate: boolean }).migrate)
    await deploy({ services: ['order'] })
    expect(migrates()).toEqual([true, true, false])
    commit('c')
    world.source.contents['order/migrations/2.sql'] = 'create table c'
    await deploy({ services: ['order'] })
    expect(migrates().at(-1)).toBe(true)
  })

  it('leads the preview to the new slot although the write changed that Service too', async () => {
    const { world, deploy } = await released()
    const { writeSlots } = world.driver
    const driver = {
      ...world.driver,
      async writeSlots(...args: Parameters<typeof writeSlots>) {
        const results = await writeSlots(...args)
        const { preview } = world.state.services.order ?? {}
        if (preview) preview.resourceVersion = 'of helm'
        return results
      },
    }
    await deploy({ services: ['order'] }, { driver })
    expect(previewOf(world, 'order')?.color).toBe('green')
  })

  it('that may not write the preview after it wrote the slot has failed, not been refused', async () => {
    const { world, deploy } = createShop()
    const reason = refused({ code: 'not-allowed', message: 'no', hint: 'ask' })
    const driver = {
      ...world.driver,
      movePointers: async () => [{ status: 'rejected' as const, reason }],
    }
    await expect(deploy({ services: ['order'] }, { driver })).rejects.toMatchObject({
      code: 'not-allowed',
      exitCode: 1,
      message: 'no',
      hint: 'ask',
    })
    expect(outcomes(world)).toEqual(['op-1 failed'])
  })

  it('looks at no release again when there is nothing to write', async () => {
    const { world, deploy, release } = createShop()
    await release()
    const driver = {
      ...world.driver,
      async writeSlots() {
        throw failed({ code: 'cluster-unreachable', message: 'no answer' })
      },
    }
    expect((await deploy({}, { driver })).map(({ action }) => action)).toEqual(['live', 'live'])
  })
})

describe('a deploy that lost its lock', () => {
  it('writes no slot', async () => {
    const { world, deploy } = createShop()
    const namespace = {
      ...world.namespace,
      async addToSecret() {
        world.lock.lose()
      },
    }
    await expect(deploy({}, { namespace })).rejects.toMatchObject({ code: 'lock-lost' })
    expect(world.driver.writes).toEqual([])
    expect(world.log).toEqual([])
    expect(outcomes(world)).toEqual(['op-1 interrupted'])
  })

  it('stops the writes that are under way', async () => {
    const { world, deploy } = createShop()
    const signals: AbortSignal[] = []
    const driver = {
      ...world.driver,
      async writeSlots(...[slots, signal]: Parameters<typeof world.driver.writeSlots>) {
        signals.push(signal)
        world.lock.lose()
        return world.driver.writeSlots(slots, signal)
      },
    }
    await expect(deploy({}, { driver })).rejects.toMatchObject({ code: 'lock-lost' })
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
    expect(world.log).toEqual([])
  })
})

it('writes a slot again whose image was changed where its description is', async () => {
  const shop = createShop()
  const { world } = shop
  await shop.deploy()
  const record = world.driver.releases['order-blue']
  const { digest = '' } = world.state.services.order?.slots.blue ?? {}
  const actionsWith = async (known: string) => {
    Object.assign(record ?? {}, { digest: known })
    Object.assign(world.driver.releases, { 'order-blue': record })
    return (await shop.deploy()).map(({ action }) => action)
  }
  expect(await actionsWith(digest)).toEqual(['ready', 'ready'])
  expect(await actionsWith('sha256:other')).toEqual(['upgrade', 'ready'])
})
