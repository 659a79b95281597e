// What slots are deployed with is kept once, before they are written, and for as long as a record names it.
import { randomBytes } from 'node:crypto'
import { expect, it, vi } from 'vitest'
import { keptOf } from '../../../src/release/kept.ts'
import { unpackText } from '../../fakes/pieces.ts'
import { createShop, names, releasedTwice, type Shop } from '../../fakes/shop.ts'

function keptIn({ world }: Shop): string[] {
  return [...world.pieces.kept.keys()]
}

it('is one chart for all, and the settings of each, written before the slots', async () => {
  const shop = createShop()
  const { driver } = shop.world
  const before: string[] = []
  const writeSlots: typeof driver.writeSlots = (slots, signal) => {
    before.push(...keptIn(shop))
    return driver.writeSlots(slots, signal)
  }
  await shop.deploy({}, { driver: { ...driver, writeSlots } })
  expect(before).toHaveLength(3)
  expect(keptIn(shop)).toEqual(before)
  const { services } = shop.world.state.journal.closed.at(-1) ?? {}
  const [order, payment] = services?.map(({ kept }) => kept) ?? []
  expect(order?.chart).toBe(payment?.chart)
  expect(new Set([order?.chart, order?.settings, payment?.settings])).toEqual(new Set(keptIn(shop)))
})

it('is asked for once, and written only if it is new', async () => {
  const shop = createShop()
  await shop.release()
  const { pieces } = shop.world
  const calls = (['list', 'add', 'remove'] as const).map((name) => vi.spyOn(pieces, name))
  shop.commit('b', ['order'])
  await shop.deploy()
  expect(calls.map(({ mock }) => mock.calls.length)).toEqual([1, 1, 0])
})

it('is named by the record of the switch, which the journal keeps for longer', async () => {
  const shop = await releasedTwice()
  const { journal } = shop.world.state
  const moves = { ...journal, closed: journal.closed.filter(({ release }) => release) }
  for (const name of names)
    for (const slot of Object.values(shop.world.state.services[name]?.slots ?? {}))
      expect(slot && keptOf(moves, name, slot)[0]).toEqual(slot && keptOf(journal, name, slot)[0])
  expect(moves.closed.every(({ services }) => services.every(({ kept }) => kept))).toBe(true)
})

it('goes with the last record that names it', async () => {
  const shop = await releasedTwice()
  const { journal } = shop.world.state
  const before = keptIn(shop)
  journal.closed = journal.closed.slice(-1)
  shop.commit('c')
  await shop.deploy()
  const after = keptIn(shop)
  const gone = before.filter((hash) => !after.includes(hash))
  // The settings of r-1, of both services.
  expect(gone).toHaveLength(2)
  expect(after).toHaveLength(5)
})

it('stays where a record cannot be read, and so nobody knows', async () => {
  const shop = await releasedTwice()
  const { journal } = shop.world.state
  const before = keptIn(shop)
  journal.closed = journal.closed.slice(-1)
  journal.damaged = ['a record']
  shop.commit('c')
  await shop.deploy()
  expect(keptIn(shop)).toEqual(expect.arrayContaining(before))
})

it('does not fail a deploy that it cannot be deleted', async () => {
  const shop = await releasedTwice()
  const { pieces, progress, state } = shop.world
  state.journal.closed = state.journal.closed.slice(-1)
  shop.commit('c')
  const remove = () => Promise.reject(new Error('no answer'))
  await shop.deploy({}, { pieces: { ...pieces, remove } })
  expect(progress.lines).toContain(
    '! what earlier slots were deployed with was not deleted: no answer',
  )
})

it('fails a deploy that it cannot be kept, before a slot is written', async () => {
  const shop = createShop()
  const { pieces, driver } = shop.world
  const add = () => Promise.reject(new Error('no answer'))
  await expect(shop.deploy({}, { pieces: { ...pieces, add } })).rejects.toThrow('no answer')
  expect(driver.writes).toEqual([])
})

it.each([
  ['is too large', 'files/large', randomBytes(1_000_000).toString('base64'), 'they are too large'],
  [
    'may hold a password',
    'templates/login.yaml',
    'kind: Secret',
    'its chart makes a Secret of them',
  ],
])('is not kept if it %s, which a note says', async (_, file, text, why) => {
  const shop = createShop()
  const { progress, source, state } = shop.world
  source.contents[`charts/app/${file}`] = text
  await shop.deploy()
  expect(keptIn(shop)).toEqual([])
  const { services } = state.journal.closed.at(-1) ?? {}
  expect(services?.map(({ kept }) => kept)).toEqual([undefined, undefined])
  for (const name of names)
    expect(progress.lines).toContain(
      `${name}: its chart and values are not kept for a later \`rollback --to\`: ${why}`,
    )
})

it('has the names of Secrets, and no value', async () => {
  const shop = createShop()
  await shop.deploy()
  const text = [...shop.world.pieces.kept.values()].map(unpackText).join('\n')
  for (const values of Object.values(shop.world.secrets))
    for (const value of Object.values(values)) expect(text).not.toContain(value)
})

it('has no file that git ignores, but the charts of dependencies', async () => {
  const shop = createShop()
  const { charts } = shop.world
  const ignored = ['.env', 'private/passwords.yaml', 'charts/library.tgz']
  const files: typeof charts.files = async (chart) => [
    ...(await charts.files(chart)),
    ...ignored.map((path) => ({ path, content: Buffer.from(`of ${path}`) })),
  ]
  await shop.deploy({}, { charts: { ...charts, files } })
  const text = [...shop.world.pieces.kept.values()].map(unpackText).join('\n')
  expect(ignored.filter((path) => text.includes(path))).toEqual(['charts/library.tgz'])
})
