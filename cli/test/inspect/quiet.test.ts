// Waiting until nothing is in flight and the accounts do not change.
import { expect, it } from 'vitest'
import { awaitQuiet } from '../../src/inspect/quiet.ts'
import type { Management } from '../../src/release/ports/cluster.ts'
import { names } from '../fakes/shop.ts'
import { waiting } from '../fakes/state.ts'
import { createWorld, type Ports, type World } from '../fakes/world.ts'

function aWorld(): World {
  return createWorld(names, { order: waiting(), payment: waiting() })
}

function wait(world: World, over: Partial<Ports> = {}, timeoutMs = 5_000): Promise<void> {
  return awaitQuiet({ ...world, ...over }, { plane: 'live', timeoutMs }, () => {})
}

/** Calls `before` whenever a pod is asked. */
function asking({ management }: World, before: () => void): { management: Management } {
  return {
    management: {
      ...management,
      async ask(...args) {
        before()
        return management.ask(...args)
      },
    },
  }
}

it('ends when nothing is in flight and the accounts stay the same', async () => {
  const world = aWorld()
  let at = 0
  const asked = asking(world, () => {
    const { order } = world.books
    // The time of a reading is not a change.
    if (order) order.account = { ...order.account, at: ++at }
  })
  await wait(world, asked)
  expect(at).toBeGreaterThan(1)
})

it.each([
  ['outbox', { outbox: { waiting: 3 } }, /order: 3 in its outbox/],
  ['queue', { queued: 2 }, /order: 2 queued/],
  ['dead letters', { dead: 1 }, /order: 1 dead/],
  ['retries', { retrying: 1, queued: 1 }, /order: 1 queued, 1 retrying/],
])('fails when the %s do not get empty in time', async (_, over, message) => {
  const world = aWorld()
  const { order } = world.books
  if (order) order.account = { ...order.account, ...over }
  await expect(wait(world)).rejects.toMatchObject({
    code: 'not-quiet',
    exitCode: 1,
    message: expect.stringMatching(message),
  })
})

it('goes on while open work comes to its end, and while a look fails', async () => {
  const world = aWorld()
  let looks = 0
  const management: Management = {
    ...world.management,
    async ask(...args) {
      looks += 1
      if (looks === 2) return { status: 503, body: '{"detail":"no database"}' }
      const { order } = world.books
      if (order) order.account = { ...order.account, own: { open: Math.max(0, 9 - looks) } }
      return world.management.ask(...args)
    },
  }
  await wait(world, { management })
  expect(looks).toBeGreaterThan(10)
})

it('gives up on a silent pod only when the broker has taken back what it held', async () => {
  const world = aWorld()
  const pods: World['pods'] = {
    ...world.pods,
    report: async (service, pod) =>
      pod === 'order-green-b-0' ? null : world.pods.report(service, pod),
  }
  await expect(wait(world, { pods })).rejects.toThrow(/order-green-b-0 does not answer/)
  await wait(world, { pods }, 20_000)
})

it('is refused while a service has no live slot', async () => {
  const world = createWorld(names, { order: waiting() })
  await expect(wait(world)).rejects.toMatchObject({ code: 'nothing-live', exitCode: 2 })
})
