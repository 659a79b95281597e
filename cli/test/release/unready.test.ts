import { expect, it } from 'vitest'
import type { PodState } from '../../src/release/ports/cluster.ts'
import { findUnmigrated, findUnready, unreadyText } from '../../src/release/unready.ts'
import { createShop } from '../fakes/shop.ts'

const pod: PodState = {
  name: 'order-blue-1',
  ready: false,
  containers: [{ name: 'order', restarts: 0, waiting: null, ended: null }],
  complaints: [],
}

/** A slot of order so many of whose pods are ready, and these are not. */
async function unready(color: 'blue' | 'green', ready: number, unreadyPods: PodState[]) {
  const { world, release, commit, deploy } = createShop()
  await release()
  commit('b', ['order'])
  await deploy({ services: ['order'] })
  const slot = world.state.services.order?.slots[color]
  if (slot) slot.ready = ready
  world.faults.rollout.order = { pods: unreadyPods, job: null }
  return world
}

/** What is said of the live slot of order, whose pods run and are not ready. */
async function said(readiness: () => Promise<string>, color: 'blue' | 'green' = 'blue') {
  const world = await unready(color, 0, [pod])
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

it('finds a lack of migrations that one pod tells of, though another is ready or does not answer', async () => {
  const world = await unready('blue', 1, [pod, { ...pod, name: 'order-blue-2' }])
  const readiness = async (_: string, name: string) =>
    name === pod.name ? '{"database":false}' : '{"database":true,"migrations":false}'
  const pods = { ...world.pods, readiness }
  expect(await findUnmigrated({ pods }, world.state, ['order'])).toEqual(['order'])
})

it('finds it in a slot that a rollback has deployed again, without its migrations', async () => {
  const world = await unready('blue', 0, [pod])
  const slot = world.state.services.order?.slots.blue
  if (slot) slot.migrations = null
  const pods = { ...world.pods, readiness: async () => '{"database":true,"migrations":false}' }
  expect(await findUnmigrated({ pods }, world.state, ['order'])).toEqual(['order'])
})

it('asks no pods of a live slot that is ready', async () => {
  const world = await unready('blue', 2, [])
  const readiness = async () => '{"database":true,"migrations":false}'
  const pods = { ...world.pods, readiness }
  expect(await findUnmigrated({ pods }, world.state, ['order'])).toEqual([])
})
