// What becomes of a slot that was never live, when the work tree is that of what is live again.
import { describe, expect, it } from 'vitest'
import { plan } from '../../../src/inspect/plan.ts'
import { readStatus } from '../../../src/inspect/status.ts'
import { planTidy } from '../../../src/release/deploy/tidy.ts'
import {
  createShop,
  failedOverWayBack,
  names,
  releasedTwice,
  sharedChart,
} from '../../fakes/shop.ts'
import { aMove, aService, aSlot, aState, blue, green } from '../../fakes/state.ts'
import { outcomes, previewOf } from '../../fakes/world.ts'

const what = /order blue cccccccc is not ready, 0 of 2 pods: .*exit code 37, 5 times/

describe('after a deploy that failed where a rollback would go back to', () => {
  it('status says what is broken, why, since when, and what to do', async () => {
    const { world } = await failedOverWayBack()
    const { problems } = await readStatus(world, 'local', null)
    expect(problems).toEqual([
      {
        ...{ service: 'order', color: 'blue', what: expect.stringMatching(what) },
        ...{ since: world.state.journal.closed.at(-1)?.startedAt },
        hint: 'It was never live. `shopctl deploy --service order` replaces it, `shopctl cleanup --service order` deletes it.',
      },
    ])
  })

  it('plan says it, too, and that deploy puts back what was live there', async () => {
    const { world, config } = await failedOverWayBack()
    const tree = { config, registryAddress: '127.0.0.1:5000', services: names, env: 'local' }
    const { local: environment } = config.environments
    if (!environment) throw new Error('no environment')
    const { notes } = await plan(world, { ...tree, environment, sharedChart, color: null })
    expect(notes).toEqual([
      expect.stringMatching(what),
      'order blue cccccccc was never live: 1a2b3c4d, which was live there before, is put back if Helm still has it',
    ])
  })

  it.each(['deploy', 'release'] as const)('%s says it and puts it back', async (verb) => {
    const shop = await failedOverWayBack()
    const { world } = shop
    await shop[verb]()
    expect(world.progress.lines).toContainEqual(expect.stringMatching(what))
    expect(world.log.at(-1)).toMatch(/^put back order-blue /)
    expect(outcomes(world).at(-1)).toBe('op-8 done')
    expect(world.state.journal.closed.at(-1)?.services[0]).toMatchObject({
      name: 'order',
      from: { version: 'cccccccc' },
      to: { version: '1a2b3c4d' },
    })
    expect(previewOf(world, 'order')).toMatchObject({ color: 'green' })
    expect(await shop.rollback()).toMatchObject({ release: 'r-3' })
    expect(shop.live('order')).toBe('blue 1a2b3c4d')
  })

  it('gives it as many pods as the live slot has', async () => {
    const shop = await failedOverWayBack()
    const { slots } = shop.world.state.services.order ?? {}
    Object.assign(slots?.green ?? {}, { replicas: 4, ready: 4 })
    await shop.release()
    expect(slots?.blue).toMatchObject({ version: '1a2b3c4d', replicas: 4, declared: 2 })
  })

  it('is done only when that slot is ready, and leaves its preview Service', async () => {
    const shop = await failedOverWayBack()
    await shop.release()
    expect(shop.world.state.services.order?.slots.blue).toMatchObject({ replicas: 2, ready: 2 })
    expect(previewOf(shop.world, 'order')).toMatchObject({ color: 'green' })
  })

  it('says that the slot does not become ready, and does not fail for it', async () => {
    const shop = await failedOverWayBack()
    const { world } = shop
    world.faults.rollout.order = { pods: [], job: null, version: '1a2b3c4d' }
    await shop.release()
    expect(outcomes(world).at(-1)).toBe('op-8 done')
    const [warning] = world.progress.lines.filter((line) => line.startsWith('!'))
    expect(warning).toMatch(
      /^! order blue 1a2b3c4d was put back, but is not ready.*`shopctl status`/,
    )
    expect(warning).toContain('order blue was not ready after 0.1 s.\nNo pod was created.')
  })

  it('ends when it is stopped while it waits for the slot', async () => {
    const shop = await failedOverWayBack()
    const { pods, lock } = shop.world
    const awaitRollout: typeof pods.awaitRollout = async (slot, ...rest) => {
      lock.lose()
      return pods.awaitRollout(slot, ...rest)
    }
    const stopped = shop.release({}, { pods: { ...pods, awaitRollout } })
    await expect(stopped).rejects.toMatchObject({ code: 'lock-lost' })
  })

  it('deletes the slot where Helm does not have it any more', async () => {
    const shop = await failedOverWayBack()
    shop.world.driver.forgotten.add('order-blue')
    await shop.release()
    expect(shop.world.log.at(-1)).toBe('remove order-blue')
    expect((await readStatus(shop.world, 'local', null)).problems).toEqual([])
    await expect(shop.rollback()).rejects.toMatchObject({ code: 'slot-gone', exitCode: 2 })
  })

  it('cleanup deletes the slot', async () => {
    const shop = await failedOverWayBack()
    await shop.cleanup(['order'])
    expect(shop.world.state.services.order?.slots.blue).toBeNull()
  })
})

it('changes nothing a second time', async () => {
  const shop = await failedOverWayBack()
  await shop.release()
  const before = structuredClone(shop.world.state)
  await shop.release()
  expect(shop.world.state).toEqual(before)
})

describe('the standby slot of a service that is live in the wanted version', () => {
  const wanted = { digest: 'sha256:a', version: 'v-a', revision: 'a', replicas: null }
  const step = { service: 'order', wanted, atLeast: 2 }
  const steps = [{ ...step, action: 'live' as const, color: 'blue' as const }]
  const unfinished = { 'order-green': { finished: false, marks: {} } }
  const ready = aSlot('green', 'b')
  const crashing = aSlot('green', 'b', { ready: 0 })
  const state = (slot: typeof ready | null, closed: Parameters<typeof aState>[1] = {}) =>
    aState(
      { order: aService({ blue: aSlot('blue', 'a'), ...(slot && { green: slot }) }, blue, green) },
      closed,
    )
  const wasLive = {
    closed: [aMove('r-1', 'switch', ['order']), aMove('r-2', 'rollback', ['order'])],
  }

  it.each([
    ['is kept when it is ready', state(ready), {}, 0],
    ['is removed when it is not', state(crashing), {}, 1],
    ['is removed when its last write was killed', state(ready), unfinished, 1],
    ['is kept when it was live: it may be unready for a moment', state(crashing, wasLive), {}, 0],
    ['is kept when it was live, whatever its last write was', state(ready, wasLive), unfinished, 0],
    ['is removed when only a rest of it is there', state(null), unfinished, 1],
    ['is none when there is none', state(null), {}, 0],
  ])('%s', (_, found, recorded, count) => {
    expect(planTidy(found, recorded, steps)).toHaveLength(count)
  })

  it('is not looked at when it is written anyway', () => {
    const written = [{ ...step, action: 'upgrade' as const, color: 'green' as const }]
    expect(planTidy(state(crashing), unfinished, written)).toEqual([])
  })
})

it('repairs what the slots share when nothing else has to be written', async () => {
  const { world, release } = await releasedTwice()
  const order = { finished: false, marks: {} }
  world.driver.releases.order = order
  await release()
  expect(world.driver.releases.order).toMatchObject({ finished: true })
  expect(world.driver.installs.map(({ name }) => name)).toContain('order')
})

it('says nothing about the slots of a first deploy', async () => {
  const shop = createShop()
  await shop.deploy()
  expect(shop.world.progress.lines.join()).not.toMatch(/rollback|not ready/)
})
