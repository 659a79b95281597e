import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { pino } from 'pino'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { askPeers, type Checks, createReadiness } from '../readiness.ts'

const all: Checks = { database: true, started: true, migrations: true, broker: true }
const away: Checks = { ...all, database: false }
const empty: Checks = { ...all, migrations: false }

let live: Checks
let preview: Checks
let peer: boolean | Promise<boolean>
let clock: number
let ready: () => Promise<boolean>

beforeEach(() => {
  live = all
  preview = all
  peer = false
  clock = 0
  const handler = createReadiness({
    planes: { live: { checks: async () => live }, preview: { checks: async () => preview } },
    peerHasDatabase: async () => peer,
    logger: pino({}, { write: () => {} }),
    ending: () => false,
    now: () => clock,
  })
  ready = async () => {
    clock += 1_000
    const { status } = await handler({ params: {}, query: new URLSearchParams() } as never)
    // The question to the peers goes on in the background.
    await setImmediate()
    return status === 200
  }
})

describe('a pod', () => {
  it.each<[string, Checks, Checks]>([
    ['its database', away, all],
    ['its migrations', empty, all],
    ['the start of its work', { ...all, started: false }, all],
    ['the start of its preview plane', all, { ...all, started: false }],
    ['the broker', { ...all, broker: false }, all],
    ['the migrations of its preview plane', all, empty],
  ])('does not become ready without %s', async (_, liveNow, previewNow) => {
    live = liveNow
    preview = previewNow
    expect(await ready()).toBe(false)
    live = preview = all
    expect(await ready()).toBe(true)
  })

  it('stays ready without the broker, and whatever happens in its preview plane', async () => {
    await ready()
    live = { ...all, broker: false }
    preview = { database: false, started: false, migrations: false, broker: false }
    expect(await ready()).toBe(true)
  })

  it('stays ready while the database is away for all', async () => {
    await ready()
    live = away
    for (let n = 0; n < 60; n += 1) expect(await ready()).toBe(true)
  })

  it('leaves when the database is away for itself alone, and comes back with it', async () => {
    await ready()
    live = away
    peer = true
    await ready()
    expect(await ready()).toBe(false)
    // Some of its questions are answered by itself.
    peer = false
    for (let n = 0; n < 5; n += 1) expect(await ready()).toBe(false)
    peer = true
    for (let n = 0; n < 60; n += 1) expect(await ready()).toBe(false)
    live = all
    expect(await ready()).toBe(true)
  })

  it('ignores what a peer answers to a question of an earlier time', async () => {
    await ready()
    const late = Promise.withResolvers<boolean>()
    peer = late.promise
    live = away
    await ready()
    live = all
    await ready()
    live = away
    await ready()
    peer = false
    late.resolve(true)
    await setImmediate()
    for (let n = 0; n < 5; n += 1) expect(await ready()).toBe(true)
  })

  it('comes back when its peers lose the database too', async () => {
    await ready()
    live = away
    peer = true
    await ready()
    expect(await ready()).toBe(false)
    peer = false
    for (let n = 0; n < 10; n += 1) await ready()
    expect(await ready()).toBe(true)
  })

  it('leaves when the database has lost its migrations, and comes back with them', async () => {
    await ready()
    live = empty
    expect(await ready()).toBe(false)
    live = all
    expect(await ready()).toBe(true)
  })

  it('does not come back because a database without its migrations is away for a moment', async () => {
    await ready()
    live = empty
    expect(await ready()).toBe(false)
    live = away
    for (let n = 0; n < 20; n += 1) expect(await ready()).toBe(false)
    live = all
    expect(await ready()).toBe(true)
    live = away
    expect(await ready()).toBe(true)
  })
})

describe('the question to the peers', () => {
  it.each([
    [200, true],
    [503, false],
    [404, false],
  ])('is answered with %i: %s', async (status, expected) => {
    const server = createServer((_, response) => response.writeHead(status).end())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    expect(await askPeers(`http://127.0.0.1:${port}`)()).toBe(expected)
  })

  it('may have no answer', async () => {
    expect(await askPeers('http://127.0.0.1:1')()).toBe(false)
  })
})
