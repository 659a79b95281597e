// Messages that got stuck, at the services where they are.
import { describe, expect, it } from 'vitest'
import { carryOutWish, findMessages, listMessages, masked } from '../../src/release/messages.ts'
import type { Cluster } from '../../src/release/ports.ts'
import type { ServiceState } from '../../src/release/state.ts'
import { aSlot, createWorld, type World } from '../fakes/world.ts'

function service(): ServiceState {
  return {
    slots: { blue: aSlot('blue', 'a'), green: null },
    stable: { target: { color: 'blue', revision: 'a' }, resourceVersion: '1' },
    preview: null,
  }
}

function stuck(id: string, over: object = {}) {
  return {
    id,
    type: 'order.placed.v1',
    state: 'parked',
    attempts: 8,
    reason: 'no such column',
    firstFailedAt: `2026-01-01T12:00:0${id.at(-1)}Z`,
    lastFailedAt: '2026-01-01T12:10:00Z',
    event: { id, data: { customer: { email: 'a@example.com' }, payment: { token: 'tok_ok' } } },
    ...over,
  }
}

function aWorld(): World {
  const world = createWorld(['order', 'payment', 'new'], { order: service(), payment: service() })
  world.books.order?.messages.push(stuck('m-3'), stuck('m-1', { state: 'retrying' }))
  world.books.payment?.messages.push(stuck('m-2', { event: 'gibberish', type: null }), stuck('m-3'))
  return world
}

function portsOf(world: World, over: Partial<Cluster> = {}) {
  return {
    cluster: { ...world.cluster, ...over },
    signal: new AbortController().signal,
  }
}

function idsAt(world: World, name: string): string[] {
  return world.books[name]?.messages.map(({ id }) => id) ?? []
}

it('are listed of all services that serve, those for a person first, the oldest first', async () => {
  const world = aWorld()
  const found = await listMessages(portsOf(world), world.state, null)
  expect(found.map(({ message: { id, service } }) => `${id} ${service}`)).toEqual([
    'm-2 payment',
    'm-3 order',
    'm-3 payment',
    'm-1 order',
  ])
  const narrowed = await listMessages(portsOf(world), world.state, ['order'])
  expect(narrowed.map(({ message }) => message.id)).toEqual(['m-3', 'm-1'])
})

it('of a service that does not serve are refused when it is named', async () => {
  const world = aWorld()
  await expect(listMessages(portsOf(world), world.state, ['new'])).rejects.toMatchObject({
    code: 'nothing-live',
    exitCode: 2,
  })
})

it('are found at every service where they are stuck', async () => {
  const world = aWorld()
  const found = await findMessages(portsOf(world), world.state, null, 'm-3')
  expect(found.map(({ message }) => message.service)).toEqual(['order', 'payment'])
})

describe('are replayed and discarded', () => {
  it('one after another, everywhere or at one service', async () => {
    const world = aWorld()
    const ports = portsOf(world)
    expect(await carryOutWish(ports, world.state, ['order'], 'replay', ['m-3'])).toEqual([
      { id: 'm-3', service: 'order', result: 'replayed' },
    ])
    expect(idsAt(world, 'payment')).toEqual(['m-2', 'm-3'])
    const twice = await carryOutWish(ports, world.state, null, 'discard', ['m-2', 'm-3', 'm-2'])
    expect(twice.map(({ id, result }) => `${id} ${result}`)).toEqual([
      'm-2 discarded',
      'm-3 discarded',
    ])
    expect(idsAt(world, 'payment')).toEqual([])
  })

  it('all that are parked, and no others', async () => {
    const world = aWorld()
    const results = await carryOutWish(portsOf(world), world.state, null, 'discard', null)
    expect(results).toHaveLength(3)
    expect(idsAt(world, 'order')).toEqual(['m-1'])
  })

  it.each([
    ['an unknown id', ['m-3', 'm-9'], 'unknown-message', /m-9.*order, payment/],
    ['one that is tried again', ['m-3', 'm-1'], 'not-parked', /m-1 is retrying at order/],
  ])('with %s among them nothing is changed', async (_, ids, code, message) => {
    const world = aWorld()
    const failing = carryOutWish(portsOf(world), world.state, null, 'discard', ids)
    await expect(failing).rejects.toMatchObject({
      code,
      exitCode: 2,
      message: expect.stringMatching(message),
    })
    expect(idsAt(world, 'order')).toEqual(['m-3', 'm-1'])
  })

  it('and each says why it failed', async () => {
    const world = aWorld()
    const results = await carryOutWish(portsOf(world), world.state, null, 'replay', ['m-2', 'm-3'])
    expect(results.map(({ result }) => result)).toEqual(['failed', 'replayed', 'replayed'])
    expect(results[0]?.reason).toMatch(/409 message m-2 is not an event/)
  })

  it('and an answer that was lost leaves it open', async () => {
    const world = aWorld()
    const ask: Cluster['ask'] = async (pod, method, path, signal) =>
      method === 'POST' ? null : world.cluster.ask(pod, method, path, signal)
    const ports = portsOf(world, { ask })
    expect(await carryOutWish(ports, world.state, ['order'], 'replay', ['m-3'])).toMatchObject([
      { result: 'failed', reason: expect.stringContaining('may have been replayed') },
    ])
  })
})

it('are shown without what lets somebody pay, or says who he is', () => {
  expect(masked({ a: [{ Token: 't', other: 1 }], email: { nested: true }, x: null })).toEqual({
    a: [{ Token: '***', other: 1 }],
    email: '***',
    x: null,
  })
  expect(masked('tok_ok{')).toBe('(7 characters that are no event)')
})
