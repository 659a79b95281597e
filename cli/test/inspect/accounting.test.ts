// The account of a service, from any of its pods, and its entries page by page.
import { describe, expect, it } from 'vitest'
import { failed } from '../../src/errors.ts'
import { entryLines, readAccount } from '../../src/inspect/accounting.ts'
import type { Management, Plane } from '../../src/release/ports/cluster.ts'
import { names } from '../fakes/shop.ts'
import { waiting } from '../fakes/state.ts'
import { createWorld, type World } from '../fakes/world.ts'

function aWorld(): World {
  return createWorld(names, { order: waiting(), payment: waiting() })
}

describe('the account of a service', () => {
  it('comes from the next pod when one has no database', async () => {
    const world = aWorld()
    const management: Management = {
      ...world.management,
      ask: async (service, pod, ...rest) =>
        pod.endsWith('-0')
          ? { status: 503, body: '{"detail":"no database"}' }
          : world.management.ask(service, pod, ...rest),
    }
    const reading = await readAccount({ ...world, management }, world.state, 'order', 'live')
    expect(reading).toMatchObject({ pod: 'order-blue-a-1' })
  })

  it('counts what the pods of both slots hold, plane by plane', async () => {
    const world = aWorld()
    const pods: World['pods'] = {
      ...world.pods,
      async report(service, pod) {
        const report = await world.pods.report(service, pod)
        return (
          report && {
            ...report,
            inFlight: 1,
            preview: report.preview && { ...report.preview, inFlight: 2 },
          }
        )
      },
    }
    const read = (plane: Plane) => readAccount({ ...world, pods }, world.state, 'order', plane)
    expect((await read('live')).account.inFlight).toBe(4)
    expect((await read('preview')).account.inFlight).toBe(8)
  })

  it('needs no report of what the pods hold', async () => {
    const world = aWorld()
    const pods = { ...world.pods, reports: () => false }
    const reading = await readAccount({ ...world, pods }, world.state, 'order', 'live')
    expect(reading).toMatchObject({ account: { inFlight: 0 }, silent: [] })
  })

  it('may leave out what does not apply, and say more', async () => {
    const world = aWorld()
    if (world.books.order) world.books.order.account = { parcels: 3 }
    const { account } = await readAccount(world, world.state, 'order', 'live')
    expect(account).toEqual({
      outbox: { waiting: 0 },
      queued: 0,
      dead: 0,
      retrying: 0,
      inFlight: 0,
      parcels: 3,
    })
  })

  it('is checked', async () => {
    const world = aWorld()
    if (world.books.order) world.books.order.account = { queued: 'many' }
    await expect(readAccount(world, world.state, 'order', 'live')).rejects.toMatchObject({
      code: 'bad-accounting',
      message: expect.stringContaining('queued'),
    })
  })
})

describe('the entries of a pod', () => {
  /** Serves pages of at most `limit` lines, cut wherever they end. */
  const paged = (ids: readonly string[]) => {
    const asked: string[] = []
    const world = aWorld()
    const management: Management = {
      ...world.management,
      async *lines(_, __, path) {
        asked.push(path)
        const { searchParams } = new URL(path, 'http://pod')
        const after = searchParams.get('after') ?? ''
        const page = ids.filter((id) => id > after).slice(0, Number(searchParams.get('limit')))
        for (const id of page) yield JSON.stringify({ id })
      },
    }
    return { asked, ports: { ...world, management } }
  }
  const collect = async (ports: ReturnType<typeof paged>['ports']): Promise<string[]> => {
    const all: string[] = []
    for await (const line of entryLines(ports, 'order', 'pod', 'live'))
      all.push(JSON.parse(line).id)
    return all
  }
  const id = (n: number): string => String(n).padStart(6, '0')
  const ids = (count: number, each = 1): string[] =>
    Array.from({ length: count }, (_, index) => id(Math.floor(index / each)))

  it.each([
    ['none', ids(0), 1],
    ['some', ids(3), 1],
    ['exactly a page', ids(5_000), 2],
    ['several pages', ids(12_000), 3],
    ['an id whose lines a page would cut', ids(9_000, 3), 2],
    ['one id of more lines than a page', ids(5_000, 5_000), 2],
  ])('come whole: %s', async (_, all, pages) => {
    const { asked, ports } = paged(all)
    expect(await collect(ports)).toEqual(all)
    expect(asked).toHaveLength(pages)
    expect(asked[0]).toBe('/accounting/entries?plane=live&limit=5000')
  })

  it.each([
    ['twice', 'come whole', [2]],
    ['three times in a row', 'fail', [3]],
    ['twice, and a later page too,', 'come whole', [2, 2]],
  ])('whose page breaks off %s %s', async (_, outcome, breaks) => {
    const all = ids(12_000, 2)
    const { ports } = paged(all)
    let left = breaks
    const lines: Management['lines'] = async function* (...args) {
      let sent = 0
      for await (const line of ports.management.lines(...args)) {
        yield line
        sent += 1
        const [now = 0, ...later] = left
        if (sent === 1_001 && now > 0) {
          left = [now - 1, ...later]
          throw failed({ code: 'not-answered', message: 'reset' })
        }
      }
      left = left.slice(1)
    }
    const read = collect({ ...ports, management: { ...ports.management, lines } })
    if (outcome === 'fail') await expect(read).rejects.toThrow('reset')
    else expect(await read).toEqual(all)
  })

  it('have to be in order, so that pages come to an end', async () => {
    const { ports } = paged([id(2), id(1)])
    await expect(collect(ports)).rejects.toMatchObject({ code: 'bad-accounting' })
  })

  it('have to have an id', async () => {
    const world = aWorld()
    const management: Management = {
      ...world.management,
      async *lines() {
        yield '{"orderId":"1"}'
      },
    }
    await expect(collect({ ...world, management })).rejects.toMatchObject({
      code: 'bad-accounting',
      message: expect.stringContaining('an entry that has no id: {"orderId":"1"}'),
    })
  })
})
