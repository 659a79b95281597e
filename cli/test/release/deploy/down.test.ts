// A live slot without a ready pod, when a deploy wants the version that is live.
import { describe, expect, it } from 'vitest'
import type { Rollout } from '../../../src/release/ports/cluster.ts'
import { releasedTwice, type Shop } from '../../fakes/shop.ts'
import type { Ports } from '../../fakes/world.ts'

/** Green is live and down, blue is where a rollback goes back to. The next deploys start from `pods`. */
async function down(answer: string, waiting = false): Promise<[Shop, Partial<Ports>]> {
  const shop = await releasedTwice()
  const { state, pods } = shop.world
  const live = state.services.order?.slots.green
  if (!live) throw new Error('no slot')
  Object.assign(live, { ready: 0, migrations: 'm' })
  const reason = waiting ? { reason: 'CrashLoopBackOff', message: 'back-off 10s' } : null
  const containers = [{ name: 'order', restarts: 4, waiting: reason, ended: null }]
  const rollout = async (slot: Parameters<typeof pods.rollout>[0]): Promise<Rollout> => {
    const found = await pods.rollout(slot)
    if (slot.service !== 'order' || slot.color !== 'green') return found
    return { ...found, pods: [{ name: 'order-1', ready: false, containers, complaints: [] }] }
  }
  return [shop, { pods: { ...pods, rollout, readiness: async () => answer } }]
}

const emptied = '{"ready":false,"database":true,"migrations":false}'
const healthy = '{"ready":false,"database":true,"migrations":true}'

describe('a live slot that is down', () => {
  it.each([
    ['crash-loops', '', true],
    ['is unready for another reason', healthy, false],
    ['does not answer', 'no answer', false],
  ])(
    'and %s leaves the way back as it is, also when only another service changes',
    async (...[, answer, waiting]) => {
      const [shop, ports] = await down(answer, waiting)
      shop.commit('c', ['payment'])
      await shop.release({}, ports)
      expect(shop.live('payment')).toBe('blue cccccccc')
      expect(shop.world.state.services.order?.slots.blue?.version).toBe('1a2b3c4d')
    },
  )

  it('and says that its database lacks the migrations is deployed again, to apply them', async () => {
    const [shop, ports] = await down(emptied)
    expect(await shop.deploy({}, ports)).toMatchObject([
      { service: 'order', action: 'upgrade', color: 'blue', version: 'bbbbbbbb' },
      { service: 'payment', action: 'live' },
    ])
  })
})
