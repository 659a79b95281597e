import { expect, it } from 'vitest'
import type { PodState } from '../../src/release/ports/cluster.ts'
import { findUnready, unreadyText } from '../../src/release/unready.ts'
import { createShop } from '../fakes/shop.ts'

const pod: PodState = {
  name: 'order-blue-1',
  ready: false,
  containers: [{ name: 'order', restarts: 0, waiting: null, ended: null }],
  complaints: [],
}

/** What is said of the live slot of order, whose pods run and are not ready. */
async function said(readiness: () => Promise<string>, color: 'blue' | 'green' = 'blue') {
  const { world, release, commit, deploy } = createShop()
  await release()
  commit('b', ['order'])
  await deploy({ services: ['order'] })
  const slot = world.state.services.order?.slots[color]
  if (slot) slot.ready = 0
  world.faults.rollout.order = { pods: [pod], job: null }
  const pods = { ...world.pods, readiness }
  return (await findUnready({ pods }, world.state, ['order'])).map(unreadyText).join('\n')
}

it('says that the database of the live slot has lost the migrations, and what applies them', async () => {
  const text = await said(async () => '{"ready":false,"database":true,"migrations":false}')
  expect(text).toMatch(/which is live, is not ready, 0 of 2 pods: its database lacks migrations\./)
  expect(text).toMatch(/`shopctl deploy --service order` applies them\.$/)
})

it('says so of a standby slot too', async () => {
  const text = await said(async () => '{"database":true,"migrations":false}', 'green')
  expect(text).toMatch(/its database lacks migrations\. .*`shopctl deploy --service order`/)
})

it.each<[string, () => Promise<string>]>([
  [
    'migrations are not known while the database is away',
    async () => '{"database":false,"migrations":false}',
  ],
  ['another reason', async () => '{"ready":false,"database":true,"migrations":true}'],
  ['no JSON', async () => 'not ready'],
  ['null', async () => 'null'],
  [
    'no answer',
    async () => {
      throw new Error('gone')
    },
  ],
])('says nothing of migrations: %s', async (_, readiness) => {
  const text = await said(readiness)
  expect(text).toMatch(/is not ready, 0 of 2 pods\./)
  expect(text).toContain('`shopctl rollback`')
})
