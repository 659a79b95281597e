// What deploy does when Helm, too, writes the preview Service.
import { expect, it } from 'vitest'
import { refused } from '../../src/errors.ts'
import { deploy } from '../../src/release/deploy.ts'
import { planDeploy } from '../../src/release/plan.ts'
import { createFakeProgress, createWorld, type World } from '../fakes/world.ts'

async function deployOrder(world: World, revision: string) {
  const state = await world.cluster.read()
  const wanted = { order: { digest: `sha256:${revision}`, version: `v-${revision}`, revision } }
  const plan = planDeploy(state, { wanted, color: null, unfinished: [] })
  if (plan.kind === 'refusal') throw new Error(plan.message)
  const recipe = { chart: 'c', valuesFiles: [], repository: 'r', migrations: 'm1' }
  const { signal } = new AbortController()
  const ports = { ...world, progress: createFakeProgress(), signal }
  return deploy(ports, state, plan, { order: recipe }, { timeoutMs: 100 })
}

it('leads the preview to the new slot although Helm changed that Service meanwhile', async () => {
  const world = createWorld(['order'])
  await deployOrder(world, 'a')
  const { upgrade } = world.helm
  world.helm.upgrade = async (release) => {
    await upgrade(release)
    const { order } = world.state.services
    if (order?.preview) order.preview.resourceVersion = 'of helm'
  }
  await deployOrder(world, 'b')
  expect(world.state.services.order?.preview?.target).toEqual({ color: 'blue', revision: 'b' })
})

it('that may not write the preview after Helm wrote the slot has failed, not been refused', async () => {
  const world = createWorld(['order'])
  world.cluster.point = async () => {
    throw refused({ code: 'not-allowed', message: 'no', hint: 'ask' })
  }
  await expect(deployOrder(world, 'a')).rejects.toMatchObject({
    code: 'not-allowed',
    exitCode: 1,
    message: 'no',
    hint: 'ask',
  })
})
