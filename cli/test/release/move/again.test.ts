// A rollback to a release that is gone deploys what it was deployed with, whatever the work tree has become.
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { changing, isSlot, slotValuesOf } from '../../fakes/charts.ts'
import { usingSecret } from '../../fakes/contents.ts'
import { unpackText } from '../../fakes/pieces.ts'
import { createShop, names, type Shop } from '../../fakes/shop.ts'

const chartFile = 'charts/app/templates/slot.yaml'
const valuesFile = 'charts/values/order.yaml'

/** r-1 is deleted. Since then, the chart, the values and a ConfigMap are others, and the service has moved to a new chart. */
async function changedSince(): Promise<Shop> {
  const shop = createShop()
  const { charts, configMaps, secrets, source } = shop.world
  charts.faults.order = (made, release) => {
    const { configMaps: copies = {} } = slotValuesOf(release)
    const ports = '"containerPort":8081}]'
    const more = `"envFrom":[{"configMapRef":{"name":"${copies.limits ?? 'limits'}"}}]`
    const using = changing((text) => text.replace(ports, `${ports},${more}`))
    return isSlot(release) ? using(usingSecret('login')(made, release), release) : made
  }
  secrets.login = { url: 'first' }
  configMaps.limits = { most: '1' }
  source.contents[chartFile] = 'kind: Deployment # of r-1'
  await shop.release()
  shop.commit('b')
  source.contents[chartFile] = 'kind: Deployment # of r-2'
  source.contents[valuesFile] = 'replicas: 2\nconfig: { LEVEL: debug }'
  configMaps.limits = { most: '2' }
  await shop.release()
  await shop.cleanup()
  delete source.contents[chartFile]
  return shop
}

function warnings({ world }: Shop): string[] {
  return world.progress.lines.filter((line) => line.startsWith('! '))
}

it('has the chart, the values, the ConfigMaps and so the revision of then', async () => {
  const shop = await changedSince()
  const { world } = shop
  const [first] = world.state.journal.closed.filter(({ release }) => release === 'r-1')
  const { revision, digest } = first?.services.find(({ name }) => name === 'order')?.to ?? {}
  await shop.rollback({ to: 'r-1' })
  expect(names.map(shop.live)).toEqual(['blue 1a2b3c4d', 'blue 1a2b3c4d'])
  expect(world.state.services.order?.slots.blue).toMatchObject({ revision, digest })
  const write = world.driver.writes.findLast(({ service }) => service === 'order')
  const file = (path = '') => world.scratch.files[path.replace('/scratch/', '')]
  expect(file(`${write?.chart}/templates/slot.yaml`)).toBe('kind: Deployment # of r-1')
  expect(write?.valuesFiles.map(file)).toEqual(['replicas: 2\nconfig: { LEVEL: info }'])
  const { copies } = world.contents
  const copied = Object.values(copies).filter(
    ({ color, of }) => color === 'blue' && of === 'limits',
  )
  expect(copied.map(({ content }) => content.data)).toEqual([{ most: '1' }])
  expect(warnings(shop)).toEqual([])
})

it('needs nothing of the work tree for these services', async () => {
  const shop = await changedSince()
  const { contents } = shop.world.source
  for (const file of Object.keys(contents))
    if (/^(order|payment|charts\/app|charts\/values\/(order|payment))/.test(file))
      delete contents[file]
  await shop.rollback({ to: 'r-1' })
  expect(names.map(shop.live)).toEqual(['blue 1a2b3c4d', 'blue 1a2b3c4d'])
})

it('leaves the Services of what is live as the work tree has them', async () => {
  const shop = await changedSince()
  const edge = (port: number) => `replicas: 2\nedge: { nodePort: ${port} }`
  const { source, driver } = shop.world
  source.contents[chartFile] = 'kind: Deployment # of r-3'
  source.contents[valuesFile] = edge(30080)
  shop.commit('c')
  await shop.release()
  source.contents[valuesFile] = edge(30180)
  shop.commit('d')
  await shop.release()
  await shop.cleanup()
  await shop.rollback({ to: 'r-3' })
  expect(shop.live('order')).toMatch(/cccccccc$/)
  const ports = driver.writes.flatMap(({ service, shared }) =>
    service === 'order' && shared ? [shared.values.edge] : [],
  )
  expect(ports.at(-1)).toEqual({ nodePort: 30180 })
})

it('can be undone, and gone back to again', async () => {
  const shop = await changedSince()
  await shop.rollback({ to: 'r-1' })
  const { journal } = shop.world.state
  await shop.cleanup()
  await shop.rollback({ to: 'r-2' })
  await shop.cleanup()
  await shop.rollback({ to: 'r-3' })
  const order = journal.closed.flatMap(({ release, services }) =>
    release ? services.filter(({ name }) => name === 'order') : [],
  )
  const [one, two, three, four, five] = order.map(({ to, kept }) => ({ id: to?.revision, kept }))
  expect([three?.id, four?.id, five?.id]).toEqual([one?.id, two?.id, one?.id])
  expect([three?.kept, four?.kept, five?.kept]).toEqual([one?.kept, two?.kept, one?.kept])
  expect(warnings(shop)).toEqual([])
})

it('has the present Secret, and says so', async () => {
  const shop = await changedSince()
  shop.world.secrets.login = { url: 'second' }
  await shop.rollback({ to: 'r-1' })
  expect(shop.live('order')).toBe('blue 1a2b3c4d')
  expect(warnings(shop)).toEqual([
    '! order gets the present login: the Secret of that release had another content',
  ])
})

it('keeps no value of a Secret', async () => {
  const shop = await changedSince()
  const text = [...shop.world.pieces.kept.values()].map(unpackText).join('\n')
  expect(text).toContain('login')
  expect(text).not.toContain(Buffer.from('first').toString('base64'))
  expect(text).not.toContain('"first"')
})

it('falls back to the work tree where an older shopctl has kept nothing', async () => {
  const shop = await changedSince()
  shop.world.pieces.kept.clear()
  const { plan } = await shop.preview.rollback({ to: 'r-1' })
  expect(plan?.again.map(({ name }) => name)).toEqual(names)
  const said = warnings(shop)
  await shop.rollback({ to: 'r-1' })
  expect(names.map(shop.live)).toEqual(['blue 1a2b3c4d', 'blue 1a2b3c4d'])
  const write = shop.world.driver.writes.findLast(({ service }) => service === 'order')
  expect(write).toMatchObject({ chart: 'charts/app', valuesFiles: [valuesFile] })
  expect(warnings(shop)).toEqual([...said, ...said])
  expect(said).toEqual([
    '! r-1: the charts and values of order, payment are not kept: those of this work tree are used',
  ])
})

it('has what an earlier deploy of the same slot has kept, if the last one was killed at once', async () => {
  const shop = await changedSince()
  const { pieces, state } = shop.world
  const [first] = state.journal.closed.filter(({ verb }) => verb === 'deploy')
  const killed = structuredClone(first)
  for (const service of killed?.services ?? [])
    service.kept = { chart: '1'.repeat(64), settings: '2'.repeat(64) }
  if (killed) state.journal.closed.push({ ...killed, number: 99, outcome: 'interrupted' })
  const before = new Map(pieces.kept)
  await shop.rollback({ to: 'r-1' })
  expect([...before.keys()].every((hash) => pieces.kept.has(hash))).toBe(true)
  expect(warnings(shop)).toEqual([])
})

it('is refused before it changes anything if a piece is damaged', async () => {
  const shop = await changedSince()
  const { log, pieces } = shop.world
  for (const [hash, piece] of pieces.kept)
    pieces.kept.set(hash, { ...piece, content: gzipSync('{"files":[]}') })
  const before = [...log]
  await expect(shop.rollback({ to: 'r-1' })).rejects.toMatchObject({
    ...{ code: 'kept-damaged', exitCode: 2 },
    message: expect.stringMatching(/^The ConfigMap shopctl-kept-[0-9a-f]{64} is damaged/),
  })
  await expect(shop.preview.rollback({ to: 'r-1' })).rejects.toMatchObject({ code: 'kept-damaged' })
  expect(log).toEqual(before)
})
