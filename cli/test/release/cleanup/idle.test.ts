// A cleanup waits until nobody uses the slots, and holds no lock meanwhile.
import { expect, it } from 'vitest'
import { failed } from '../../../src/errors.ts'
import { releasedTwice, type Shop } from '../../fakes/shop.ts'

/** Calls `act` at the first wait, and sees whether the lock is held then. */
function whileWaiting({ world }: Shop, act: () => unknown) {
  const held: boolean[] = []
  const clock = {
    ...world.clock,
    async sleep(ms: number, signal?: AbortSignal) {
      held.push(world.lock.holder !== null)
      await world.clock.sleep(ms, signal)
      if (held.length === 1) await act()
    },
  }
  return { clock, held }
}

const inPreview = { preview: { connections: 1 } as never }

it.each([
  ['an open connection', { connections: 3 }, /order-blue-\S+ has 3 open connections/],
  ['a message in flight', { inFlight: 2 }, /has 2 messages in flight/],
  ['a consumer', { consuming: true }, /order-blue-\S+ consumes/],
  ['a smoke test', inPreview, /has 1 open connections in the preview plane/],
])('for the end of %s', async (_, use, said) => {
  const shop = await releasedTwice()
  const { faults, state, log } = shop.world
  faults.uses.order = use
  const before = [log.length, state.journal.closed.length]
  await expect(shop.cleanup(['order'])).rejects.toMatchObject({
    ...{ code: 'slot-in-use', exitCode: 2 },
    message: expect.stringMatching(said),
    hint: expect.stringContaining('`shopctl cleanup --now`'),
  })
  expect([log.length, state.journal.closed.length]).toEqual(before)
  const { clock, held } = whileWaiting(shop, () => {
    delete faults.uses.order
  })
  expect((await shop.cleanup(['order'], { clock })).removed).toHaveLength(1)
  expect(held[0]).toBe(false)
})

it('lets the lock say first which right is missing', async () => {
  const shop = await releasedTwice()
  const { pods, lock } = shop.world
  const denied = (what: string) => failed({ code: 'not-allowed', message: what, hint: '' })
  const report = () => Promise.reject(denied('pods'))
  const acquire = () => Promise.reject(denied('the lock'))
  const ports = { pods: { ...pods, report } }
  await expect(
    shop.cleanup(['order'], { ...ports, lock: { ...lock, acquire } }),
  ).rejects.toMatchObject({ message: 'the lock' })
  await expect(shop.cleanup(['order'], ports)).rejects.toMatchObject({ message: 'pods' })
})

it('waits for no slot but those that it deletes, and not for pods that report nothing of it', async () => {
  const shop = await releasedTwice()
  const { faults } = shop.world
  faults.uses.payment = { connections: 1 }
  faults.uses.order = { connections: null }
  expect((await shop.cleanup(['order'])).removed).toHaveLength(1)
  faults.plain.add('payment')
  expect((await shop.cleanup()).removed).toHaveLength(1)
})

it('--now waits as well, and then deletes it all the same', async () => {
  const shop = await releasedTwice()
  const { faults, clock, progress } = shop.world
  faults.uses.order = { connections: 1 }
  const from = clock.monotonic()
  const { removed } = await shop.cleanup(['order'], {}, { now: true })
  expect(removed).toHaveLength(1)
  expect(clock.monotonic() - from).toBeGreaterThanOrEqual(20_000)
  expect(progress.lines.join('\n')).toMatch(/! deleted all the same: order-blue-\S+ has 1 open/)
})

it('pods that do not answer are waited for until the broker has given up on them', async () => {
  const shop = await releasedTwice()
  const { faults, clock } = shop.world
  faults.silent.add('order')
  const from = clock.monotonic()
  expect((await shop.cleanup(['order'])).removed).toHaveLength(1)
  expect(clock.monotonic() - from).toBe(15_000)
})

it('leaves both slots alone when a rollback goes back meanwhile', async () => {
  const shop = await releasedTwice()
  const { faults } = shop.world
  faults.uses.order = { connections: 1 }
  const { clock } = whileWaiting(shop, async () => {
    delete faults.uses.order
    await shop.rollback({ services: ['order'] })
  })
  const { removed } = await shop.cleanup(['order'], { clock })
  expect(removed).toEqual([])
  expect(shop.world.state.services.order?.slots.green).not.toBeNull()
  expect(shop.live('order')).toBe('blue 1a2b3c4d')
})

it('is refused when somebody uses the slot again before the lock is taken', async () => {
  const shop = await releasedTwice()
  const { faults, lock, log } = shop.world
  const before = log.length
  const acquire: typeof lock.acquire = (...args) => {
    faults.uses.order = { connections: 1 }
    return lock.acquire(...args)
  }
  await expect(shop.cleanup(['order'], { lock: { ...lock, acquire } })).rejects.toMatchObject({
    code: 'slot-in-use',
    exitCode: 2,
  })
  expect(log).toHaveLength(before)
})
