// A slot that goes live has at least as many pods as served before, and the live slot follows its values.
import { describe, expect, it } from 'vitest'
import { liveReplicas, scaleLive, scalesAfter } from '../../src/release/capacity.ts'
import type { Programs } from '../../src/release/ports/project.ts'
import type { Color, Slot } from '../../src/release/slot.ts'
import { createShop, type Shop } from '../fakes/shop.ts'
import { aService, aSide, aSlot, aState, blue, green } from '../fakes/state.ts'
import { outcomes } from '../fakes/world.ts'

const order = { services: ['order'] }
const file = 'charts/values/order.yaml'

/** Blue is live. */
async function released(): Promise<Shop> {
  const shop = createShop()
  await shop.release(order)
  return shop
}

function slot({ world }: Shop, color: Color): Slot {
  const found = world.state.services.order?.slots[color]
  if (!found) throw new Error(`no slot ${color}`)
  return found
}

/** As `kubectl scale` does. */
function scale(shop: Shop, color: Color, replicas: number): void {
  Object.assign(slot(shop, color), { replicas, ready: replicas })
}

function replicas(shop: Shop): string {
  return `blue ${slot(shop, 'blue').replicas}, green ${slot(shop, 'green').replicas}`
}

function setReplicas({ world }: Shop, number: number): void {
  const values = String(world.source.contents[file])
  world.source.contents[file] = values.replace(/^replicas: .*/m, `replicas: ${number}`)
}

describe('a release while the live slot', () => {
  it.each([
    ['was scaled up', 4, 4, 'blue 4, green 4'],
    ['was scaled up and none of its pods is ready', 4, 0, 'blue 4, green 4'],
    ['was scaled down', 1, 1, 'blue 1, green 2'],
    ['is as its values say', 2, 2, 'blue 2, green 2'],
  ])('%s', async (_, wanted, ready, expected) => {
    const shop = await released()
    Object.assign(slot(shop, 'blue'), { replicas: wanted, ready })
    shop.commit('b')
    await shop.release(order)
    expect(shop.live('order')).toBe('green bbbbbbbb')
    expect(replicas(shop)).toBe(expected)
  })

  it('is scaled up between deploy and switch raises the standby before the switch', async () => {
    const shop = await released()
    shop.commit('b')
    const programs: Programs = {
      ...shop.world.programs,
      async script(...args) {
        scale(shop, 'blue', 5)
        return shop.world.programs.script(...args)
      },
    }
    await shop.release(order, { programs })
    expect(replicas(shop)).toBe('blue 5, green 5')
    expect(slot(shop, 'green').ready).toBe(5)
  })

  it('gets more pods while the standby is raised', async () => {
    const shop = await released()
    shop.commit('b')
    const { programs, driver } = shop.world
    let pods = 3
    await shop.release(order, {
      programs: {
        ...programs,
        async script(...args) {
          scale(shop, 'blue', pods)
          return programs.script(...args)
        },
      },
      driver: {
        ...driver,
        async scaleSlots(scales) {
          const result = await driver.scaleSlots(scales)
          if (pods < 5) scale(shop, 'blue', ++pods)
          return result
        },
      },
    })
    expect(shop.live('order')).toBe('green bbbbbbbb')
    expect(replicas(shop)).toBe('blue 5, green 5')
  })
})

describe('a switch to a slot with fewer pods', () => {
  it('is refused and names the command, which gives it as many', async () => {
    const shop = await released()
    shop.commit('b')
    await shop.deploy(order)
    await shop.smoke(order)
    scale(shop, 'blue', 4)
    const before = [...shop.world.log]
    await expect(shop.switch(order)).rejects.toMatchObject({
      ...{ code: 'too-few-pods', exitCode: 2 },
      message: 'order green has 2 pods, but blue, which is live, has 4.',
      hint: expect.stringMatching(/^Run `shopctl deploy --service order`/),
    })
    expect(shop.world.log).toEqual(before)
    expect(await shop.deploy(order)).toMatchObject([{ color: 'green', action: 'upgrade' }])
    await shop.switch(order)
    expect(replicas(shop)).toBe('blue 4, green 4')
  })

  it('is none when the live slot was scaled down', async () => {
    const shop = await released()
    shop.commit('b')
    await shop.deploy(order)
    scale(shop, 'blue', 1)
    await shop.switch({ ...order, skipSmoke: true })
    expect(replicas(shop)).toBe('blue 1, green 2')
  })
})

describe('a rollback to a slot with fewer pods', () => {
  it('goes at once, then gives it as many and says so', async () => {
    const shop = await released()
    shop.commit('b')
    await shop.release(order)
    scale(shop, 'green', 4)
    shop.world.log.length = 0
    await shop.rollback(order)
    expect(shop.live('order')).toBe('blue 1a2b3c4d')
    expect(replicas(shop)).toBe('blue 4, green 4')
    expect(shop.world.log.map((line) => line.split(' ')[0])).toEqual(['point', 'scale', 'point'])
    expect(shop.world.progress.lines).toContain(
      '! order blue has 2 pods and gets 4, as many as served before',
    )
  })

  it('raises it, too, when so few do not take over in time', async () => {
    const shop = await released()
    shop.commit('b')
    await shop.release(order)
    scale(shop, 'green', 4)
    shop.world.faults.deaf.add('order')
    await expect(shop.rollback(order)).rejects.toMatchObject({ code: 'not-taken-over' })
    expect(replicas(shop)).toBe('blue 4, green 4')
    shop.world.faults.deaf.clear()
    await shop.rollback(order)
    expect(shop.live('order')).toBe('blue 1a2b3c4d')
  })

  it('takes over while it is raised', async () => {
    const shop = await released()
    shop.commit('b')
    await shop.release(order)
    scale(shop, 'green', 4)
    const { driver, pods } = shop.world
    const takesOver = Promise.withResolvers<void>()
    const awaitEndpoints: typeof pods.awaitEndpoints = async (...args) => {
      takesOver.resolve()
      return pods.awaitEndpoints(...args)
    }
    const scaleSlots: typeof driver.scaleSlots = async (scales) => {
      await takesOver.promise
      return driver.scaleSlots(scales)
    }
    await shop.rollback(order, {
      driver: { ...driver, scaleSlots },
      pods: { ...pods, awaitEndpoints },
    })
    expect(replicas(shop)).toBe('blue 4, green 4')
  })

  it('does not wait for the pods that are added', async () => {
    const shop = await released()
    shop.commit('b')
    await shop.release(order)
    scale(shop, 'green', 4)
    const { pods } = shop.world
    const report: typeof pods.report = async (service, pod) =>
      /-[01]$/.test(pod) ? null : pods.report(service, pod)
    await shop.rollback(order, { pods: { ...pods, report } })
    expect(shop.live('order')).toBe('blue 1a2b3c4d')
    expect(replicas(shop)).toBe('blue 4, green 4')
  })

  it('raises it, too, when it was killed after its move', async () => {
    const shop = await released()
    shop.commit('b')
    await shop.release(order)
    scale(shop, 'green', 4)
    const { driver, journal } = shop.world
    const killed = async () => {
      throw new Error('killed')
    }
    const ports = {
      driver: { ...driver, scaleSlots: killed },
      journal: { ...journal, end: killed },
    }
    await shop.rollback(order, ports).catch(() => {})
    expect(replicas(shop)).toBe('blue 2, green 4')
    await shop.rollback(order)
    expect(replicas(shop)).toBe('blue 4, green 4')
  })

  it('succeeds when the slot cannot be scaled, and says so', async () => {
    const shop = await released()
    shop.commit('b')
    await shop.release(order)
    scale(shop, 'green', 4)
    const reason = new Error('quota')
    const scaleSlots = async () => [{ status: 'rejected' as const, reason }]
    await shop.rollback(order, { driver: { ...shop.world.driver, scaleSlots } })
    expect(outcomes(shop.world).at(-1)).toBe('r-3 done')
    expect(shop.world.progress.lines).toContain('! order blue could not be scaled: quota')
  })
})

describe('another `replicas` in the values', () => {
  it.each([
    ['scales the live slot up', 2, 3, 3],
    ['scales the live slot down', 2, 1, 1],
    ['takes no pod from a slot that was scaled by hand', 4, 3, 4],
    ['is the least of a slot that was scaled down by hand', 1, 3, 3],
  ])('%s, without a new revision', async (_, now, wanted, expected) => {
    const shop = await released()
    const { revision } = slot(shop, 'blue')
    scale(shop, 'blue', now)
    setReplicas(shop, wanted)
    expect(await shop.release(order)).toMatchObject({ deployed: [{ action: 'live' }], moved: null })
    expect(slot(shop, 'blue')).toMatchObject({ revision, replicas: expected, declared: wanted })
    expect(outcomes(shop.world).at(-1)).toMatch(/^op-\d+ done$/)
    const log = [...shop.world.log]
    await shop.release(order)
    expect(shop.world.log).toEqual(log)
  })

  it('with another image scales the live slot too', async () => {
    const shop = await released()
    shop.commit('b')
    setReplicas(shop, 1)
    await shop.release(order)
    expect(replicas(shop)).toBe('blue 1, green 1')
  })

  it('writes a standby slot again that has the image already', async () => {
    const shop = await released()
    shop.commit('b')
    await shop.deploy(order)
    setReplicas(shop, 3)
    expect(await shop.deploy(order)).toMatchObject([{ action: 'upgrade' }])
    expect(replicas(shop)).toBe('blue 3, green 3')
  })
})

describe('under an autoscaler', () => {
  const scaled = { replicas: 6, ready: 6, declared: 2, autoscaler: { min: 2, declaredMin: 2 } }
  const live = aSlot('blue', 'a', scaled)
  const standby = (min: number) =>
    aSlot('green', 'b', { ...scaled, autoscaler: { min, declaredMin: 2 } })

  it('the live slot has the pods that it has now', () => {
    expect(liveReplicas(live, 2)).toBe(6)
    expect(liveReplicas(live, 1)).toBe(6)
    expect(liveReplicas(live, 8)).toBe(8)
  })

  it('another `replicas` changes the least of the live slot, and takes no pod', () => {
    const change = { service: 'order', color: 'blue', replicas: null }
    expect(scaleLive('order', live, 2)).toBeNull()
    expect(scaleLive('order', live, 1)).toEqual({ ...change, min: 1, declared: 1 })
    expect(scaleLive('order', live, 3)).toEqual({ ...change, min: 3, declared: 3 })
    const apart = aSlot('blue', 'a', { ...scaled, autoscaler: { min: 5, declaredMin: 5 } })
    expect(scaleLive('order', apart, 3)).toEqual({ ...change, min: null, declared: 3 })
  })

  it('the old slot keeps its pods after a move, and the new one gets back its least', () => {
    const service = aService({ blue: live, green: standby(6) }, blue, green)
    const moves = [{ name: 'order', from: aSide('blue', 'a'), to: aSide('green', 'b') }]
    expect(scalesAfter(aState({ order: service }), moves)).toEqual([
      { service: 'order', color: 'blue', min: 6, replicas: null, declared: null },
      { service: 'order', color: 'green', min: 2, replicas: null, declared: null },
    ])
  })

  it('nothing is scaled when the first slot goes live, or none does', () => {
    const service = aService({ green: standby(2) }, green, green)
    const side = aSide('green', 'b')
    const state = aState({ order: service })
    expect(scalesAfter(state, [{ name: 'order', from: null, to: side }])).toEqual([])
    expect(scalesAfter(state, [{ name: 'order', from: aSide('blue', 'a'), to: null }])).toEqual([])
  })
})
