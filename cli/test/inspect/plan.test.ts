// What a deploy would do, without doing it.
import { expect, it } from 'vitest'
import { planText, stepDocument } from '../../src/commands/plan.ts'
import { plan } from '../../src/inspect/plan.ts'
import { build } from '../../src/release/build/build.ts'
import { hookLines } from '../../src/release/hooks.ts'
import { push } from '../../src/release/push/push.ts'
import type { Color } from '../../src/release/slot.ts'
import {
  createShop,
  hookScripts,
  interruptedSwitch,
  names,
  type Shop,
  sharedChart,
  withHookScripts,
} from '../fakes/shop.ts'

async function planOf({ world, config }: Shop, color: Color | null = null) {
  const tree = { config, registryAddress: '127.0.0.1:5000', services: names }
  await build(world, tree)
  await push(world, tree)
  const { local: environment } = config.environments
  if (!environment) throw new Error('no environment')
  return plan(world, { ...tree, env: 'local', environment, sharedChart, color })
}

async function planned(shop: Shop, color: Color | null = null) {
  return (await planOf(shop, color)).steps
}

it('names newer base images of what would be deployed', async () => {
  const shop = createShop()
  const { world, config } = shop
  await planned(shop)
  const { local: environment } = config.environments
  if (!environment) throw new Error('no environment')
  const tree = { config, registryAddress: '127.0.0.1:5000', services: names, environment }
  const notes = async () =>
    (await plan(world, { ...tree, env: 'local', sharedChart, color: null })).notes.join()
  expect(await notes()).not.toContain('newer')
  world.engine.base.newest = 'sha256:new'
  expect(await notes()).toContain('order: a newer docker.io/library/node:24 is there')
})

it('names the hooks where there is something to deploy, and refuses what deploy would refuse', async () => {
  const shop = withHookScripts(createShop())
  const { world } = shop
  const notes = async () => (await planOf(shop)).notes.filter((note) => note.includes('hook'))
  expect(await notes()).toEqual(hookLines({ scripts: hookScripts }, 'deploy'))
  expect(world.programs.scripts).toEqual([])
  await shop.release()
  expect(await notes()).toEqual([])
  delete world.source.contents[hookScripts['post-switch']]
  await expect(notes()).rejects.toMatchObject({ exitCode: 2, code: 'script-missing' })
})

it('shows for each service what would be written, over what, and what is live', async () => {
  const shop = createShop()
  await shop.release()
  shop.commit('b', ['payment'])
  const before = structuredClone([shop.world.state, shop.world.driver.releases])
  const steps = await planned(shop)
  expect(steps).toMatchObject([
    { service: 'order', action: 'live', color: 'blue', live: { color: 'blue' } },
    {
      service: 'payment',
      action: 'upgrade',
      color: 'green',
      replaces: null,
      wanted: { version: 'bbbbbbbb' },
      live: { color: 'blue', version: '1a2b3c4d' },
    },
  ])
  expect([shop.world.state, shop.world.driver.releases]).toEqual(before)
  await shop.deploy()
  expect((await planned(shop)).map(({ action }) => action)).toEqual(['live', 'ready'])
})

it('shows how many pods a slot will have, and that the live slot is scaled', async () => {
  const shop = createShop()
  await shop.release()
  shop.commit('b', ['order'])
  const live = shop.world.state.services.order?.slots.blue
  Object.assign(live ?? {}, { replicas: 4, ready: 4 })
  shop.world.source.contents['charts/values/payment.yaml'] = 'replicas: 3'
  const { steps, notes } = await planOf(shop)
  expect(steps).toMatchObject([
    { action: 'upgrade', atLeast: 4, wanted: { replicas: 2 }, scale: null },
    { action: 'live', scale: { color: 'blue', replicas: 3 } },
  ])
  expect(planText({ steps, notes }, 100).split('\n')).toEqual([
    'SERVICE  ACTION        SLOT   VERSION   PODS  LIVE NOW',
    'order    deploy        green  bbbbbbbb  4     blue 1a2b3c4d',
    'payment  already live  blue   bbbbbbbb  3     blue 1a2b3c4d',
    'order green gets 4 pods, as many as the live slot; its values say 2',
    'payment blue is live and gets 3 pods, as its values say now',
  ])
  expect(stepDocument(steps[0] ?? expect.fail())).toMatchObject({ replicas: 4 })
  expect(stepDocument(steps[1] ?? expect.fail())).toMatchObject({ replicas: 3 })
})

it('does the same as deploy with an incomplete slot', async () => {
  const shop = createShop()
  await shop.release()
  shop.commit('b')
  await shop.deploy()
  shop.world.driver.releases['order-green'] = { finished: false, marks: {} }
  expect((await planned(shop)).map(({ action }) => action)).toEqual(['upgrade', 'ready'])
})

it('refuses what deploy refuses', async () => {
  const shop = createShop()
  await shop.release()
  shop.commit('b')
  await expect(planned(shop, 'blue')).rejects.toMatchObject({ code: 'slot-is-live', exitCode: 2 })
  await expect(planned(await interruptedSwitch())).rejects.toMatchObject({
    code: 'interrupted-operation',
    exitCode: 2,
  })
  const unsafe = createShop()
  await unsafe.release()
  unsafe.commit('b')
  unsafe.world.source.contents['charts/app/Chart.yaml'] = 'name: app\nversion: 2'
  unsafe.world.state.others.push({ name: 'old', selector: { 'app.kubernetes.io/name': 'order' } })
  await expect(planned(unsafe)).rejects.toMatchObject({ code: 'service-moves-traffic' })
})
