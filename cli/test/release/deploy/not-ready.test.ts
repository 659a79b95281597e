// What a deploy reports of a slot that does not become ready.
import { describe, expect, it } from 'vitest'
import { failed } from '../../../src/errors.ts'
import type { PodState } from '../../../src/release/ports/cluster.ts'
import { createShop, type Shop } from '../../fakes/shop.ts'

async function released(): Promise<Shop> {
  const shop = createShop()
  await shop.release()
  shop.commit('b')
  return shop
}

describe('a slot that does not come up', () => {
  const waiting = { reason: 'CrashLoopBackOff', message: 'back-off 10s' }
  const pod = (over: Partial<PodState['containers'][number]>): PodState => ({
    name: 'order-green-1',
    ready: false,
    containers: [{ name: 'order', restarts: 1, waiting: null, ended: null, ...over }],
    complaints: [],
  })

  it('shows why its container ended, and leaves what serves alone', async () => {
    const { world, deploy, live } = await released()
    const ended = { exitCode: 37, reason: 'Error' }
    world.faults.rollout.order = { pods: [pod({ waiting, ended })], job: null }
    await expect(deploy({ services: ['order'] })).rejects.toMatchObject({
      code: 'slot-broken',
      exitCode: 1,
      message: expect.stringMatching(/exit code 37[\s\S]*cannot find module\nbye/),
    })
    expect(live('order')).toBe('blue 1a2b3c4d')
    expect(world.state.journal.closed.at(-1)).toMatchObject({
      verb: 'deploy',
      outcome: 'failed',
      error: expect.stringContaining('exit code 37'),
    })
  })

  it('shows a failed migration', async () => {
    const { world, deploy } = createShop()
    const pods = [pod({ ended: { exitCode: 1, reason: 'Error' } })]
    world.faults.rollout.order = {
      pods: [],
      job: { succeeded: false, failed: true, pods, complaints: [] },
    }
    await expect(deploy({ services: ['order'] })).rejects.toMatchObject({
      message: expect.stringMatching(/migration failed with exit code 1[\s\S]*bye/),
    })
  })

  it('says what keeps it from being ready when the time is up', async () => {
    const { world, deploy } = createShop()
    world.faults.rollout.order = { pods: [pod({})], job: null }
    await expect(deploy({ services: ['order'] })).rejects.toMatchObject({
      code: 'slot-not-ready',
      message: expect.stringContaining('"broker":false'),
      hint: expect.stringContaining('`shopctl diagnose order` says more, then `shopctl deploy`'),
    })
  })

  it.each<[string, PodState[], RegExp]>([
    [
      'its pod waits',
      [pod({ waiting: { reason: 'ErrImagePull', message: 'no route' } })],
      /not ready after 0\.1 s\.\norder-green-1: ErrImagePull: no route$/,
    ],
    ['it has no pod', [], /not ready after 0\.1 s\.\nNo pod was created\.$/],
  ])('reports when the time is up that %s', async (_, pods, message) => {
    const { world, deploy } = createShop()
    world.faults.rollout.order = { pods, job: null }
    await expect(deploy({ services: ['order'] })).rejects.toMatchObject({
      code: 'slot-not-ready',
      message: expect.stringMatching(message),
    })
  })

  it('names a migration that has not ended', async () => {
    const { world, deploy } = createShop()
    const job = {
      succeeded: false,
      failed: false,
      pods: [{ ...pod({}), name: 'migrate-1' }],
      complaints: [],
    }
    world.faults.rollout.order = { pods: [pod({})], job }
    await expect(deploy({ services: ['order'] })).rejects.toMatchObject({
      message: expect.stringContaining('The migration Job has not ended.'),
    })
  })

  it('promises no last lines of a container that wrote none', async () => {
    const { world, deploy } = createShop()
    const ended = { exitCode: 1, reason: 'Error' }
    world.faults.rollout.order = { pods: [pod({ waiting, ended })], job: null }
    const pods = { ...world.pods, logs: async () => '' }
    await expect(deploy({ services: ['order'] }, { pods })).rejects.toMatchObject({
      message: expect.stringMatching(/2 times so far\.$/),
    })
  })

  const troubles: [string, (shop: Shop) => void, RegExp][] = [
    [
      'that cannot get its image',
      ({ world }) => {
        const gone = { reason: 'ImagePullBackOff', message: 'gone' }
        world.faults.rollout.order = { pods: [pod({ waiting: gone })], job: null }
      },
      /ImagePullBackOff/,
    ],
    [
      'that cannot be written',
      ({ world }) => {
        world.driver.failing['order-blue'] = failed({ code: 'helm-failed', message: 'no quota' })
      },
      /no quota/,
    ],
  ]
  it.each(troubles)('%s does not keep the others from coming up', async (_, make, message) => {
    const shop = createShop()
    make(shop)
    await expect(shop.deploy()).rejects.toThrow(message)
    expect(shop.world.state.services.payment?.slots.blue?.ready).toBe(2)
  })
})
