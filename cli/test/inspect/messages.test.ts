// Stuck messages, at the services where they are.
import { describe, expect, it } from 'vitest'
import { interrupted, refused } from '../../src/errors.ts'
import {
  type Decision,
  decideMessages,
  findMessages,
  listMessages,
  type StuckMessage,
} from '../../src/inspect/messages.ts'
import type { Management, PodAnswer } from '../../src/release/ports/cluster.ts'
import { aService, aSlot, blue } from '../fakes/state.ts'
import { createWorld, type World } from '../fakes/world.ts'

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
  const service = () => aService({ blue: aSlot('blue', 'a') }, blue, null)
  const world = createWorld(['order', 'payment', 'new'], { order: service(), payment: service() })
  world.books.order?.messages.push(stuck('m-3'), stuck('m-1', { state: 'retrying' }))
  world.books.payment?.messages.push(stuck('m-2', { event: 'gibberish', type: null }), stuck('m-3'))
  return world
}

function decision(decision: Decision, ids: readonly string[] | null) {
  return { decision, ids, reason: null }
}

function idsAt(world: World, name: string): string[] {
  return world.books[name]?.messages.map(({ id }) => id) ?? []
}

it('are listed of all live services, parked ones first, then the oldest', async () => {
  const world = aWorld()
  const found = await listMessages(world, null)
  expect(found.map(({ id, service }) => `${id} ${service}`)).toEqual([
    'm-2 payment',
    'm-3 order',
    'm-3 payment',
    'm-1 order',
  ])
  const narrowed = await listMessages(world, ['order'])
  expect(narrowed.map(({ id }) => id)).toEqual(['m-3', 'm-1'])
})

it('of a service that is not live are refused when it is named', async () => {
  await expect(listMessages(aWorld(), ['new'])).rejects.toMatchObject({
    code: 'nothing-live',
    exitCode: 2,
  })
})

it('of a service that does not answer for them are refused when it is named, and left out else', async () => {
  const world = aWorld()
  world.faults.plain.add('payment')
  await expect(listMessages(world, ['payment'])).rejects.toMatchObject({
    code: 'no-messages',
    exitCode: 2,
    message: expect.stringContaining('payment of shopctl.yaml'),
    hint: expect.stringContaining('management.messages'),
  })
  expect((await listMessages(world, null)).map(({ service }) => service)).toEqual([
    'order',
    'order',
  ])
})

it('are found at every service where they are stuck', async () => {
  const found = await findMessages(aWorld(), null, 'm-3', false)
  expect(found.map(({ service }) => service)).toEqual(['order', 'payment'])
})

describe('are replayed and discarded', () => {
  it('one after another, everywhere or at one service', async () => {
    const world = aWorld()
    expect(await decideMessages(world, ['order'], decision('replay', ['m-3']))).toEqual({
      results: [{ id: 'm-3', service: 'order', result: 'replayed' }],
      stopped: null,
      untried: 0,
    })
    expect(idsAt(world, 'payment')).toEqual(['m-2', 'm-3'])
    const twice = await decideMessages(world, null, decision('discard', ['m-2', 'm-3', 'm-2']))
    expect(twice.results.map(({ id, result }) => `${id} ${result}`)).toEqual([
      'm-2 discarded',
      'm-3 discarded',
    ])
    expect(idsAt(world, 'payment')).toEqual([])
  })

  it('all that are parked, and no others', async () => {
    const world = aWorld()
    const { results } = await decideMessages(world, null, decision('discard', null))
    expect(results).toHaveLength(3)
    expect(idsAt(world, 'order')).toEqual(['m-1'])
  })

  it.each([
    ['an unknown id', ['m-3', 'm-9'], 'unknown-message', /m-9.*order, payment/],
    ['one that is retrying', ['m-3', 'm-1'], 'not-parked', /m-1 is retrying at order, not par/],
  ])('with %s among them nothing is changed', async (_, ids, code, message) => {
    const world = aWorld()
    await expect(decideMessages(world, null, decision('discard', ids))).rejects.toMatchObject({
      code,
      exitCode: 2,
      message: expect.stringMatching(message),
    })
    expect(idsAt(world, 'order')).toEqual(['m-3', 'm-1'])
  })

  it('with the reason, for the log of the pod', async () => {
    const world = aWorld()
    const asked: string[] = []
    const management: Management = {
      ...world.management,
      async ask(...args) {
        asked.push(args[3])
        return world.management.ask(...args)
      },
    }
    const why = { decision: 'discard' as const, ids: ['m-2'], reason: 'no such sku & more' }
    await decideMessages({ ...world, management }, ['payment'], why)
    const path = '/messages/m-2/discard?reason=no%20such%20sku%20%26%20more'
    expect(asked).toEqual(['/messages/m-2', path])
  })

  it('and each failure has its reason', async () => {
    const { results } = await decideMessages(aWorld(), null, decision('replay', ['m-2', 'm-3']))
    expect(results.map(({ result }) => result)).toEqual(['failed', 'replayed', 'replayed'])
    expect(results[0]?.reason).toMatch(/409 message m-2 is not an event/)
  })

  it('and an answer that was lost leaves it open', async () => {
    const world = aWorld()
    const management: Management = {
      ...world.management,
      ask: async (...args) => (args[2] === 'POST' ? null : world.management.ask(...args)),
    }
    const decided = decideMessages({ ...world, management }, ['order'], decision('replay', ['m-3']))
    expect((await decided).results).toMatchObject([
      { result: 'failed', reason: expect.stringContaining('may have been replayed') },
    ])
  })

  /** The answers to the decisions, one by one; an error is thrown. */
  function answering(world: World, ...answers: (PodAnswer | Error)[]): Management {
    return {
      ...world.management,
      async ask(...args) {
        if (args[2] === 'GET') return world.management.ask(...args)
        const answer = answers.shift()
        if (answer instanceof Error) throw answer
        return answer ?? null
      },
    }
  }
  const done = { status: 200, body: '' }
  const forbidden = refused({ code: 'not-allowed', message: 'pods/proxy is forbidden.' })

  it.each([
    ['Ctrl-C', interrupted()],
    ['a right that was taken away', forbidden],
  ])('and %s in between leaves the results so far', async (_, problem) => {
    const world = aWorld()
    const management = answering(world, done, problem)
    expect(await decideMessages({ ...world, management }, null, decision('discard', null))).toEqual(
      {
        results: [
          { id: 'm-2', service: 'payment', result: 'discarded' },
          {
            ...{ id: 'm-3', service: 'order', result: 'failed' },
            reason: `${problem.message} It may have been discarded.`,
          },
        ],
        stopped: problem,
        untried: 1,
      },
    )
  })

  it('and a refusal of the first one changes nothing', async () => {
    const world = aWorld()
    const management = answering(world, forbidden)
    const decided = decideMessages({ ...world, management }, null, decision('replay', null))
    await expect(decided).rejects.toBe(forbidden)
  })
})

describe('are shown without the values that their service marks as sensitive', () => {
  const event = {
    id: 'm-1',
    data: { 'a/b': 1, 'c~d': 2, lines: [{ to: 'x' }, { to: 'y' }], token: 't', note: null },
  }
  const find = async (over: object, reveal = false) => {
    const world = aWorld()
    world.books.order?.messages.splice(0, 9, stuck('m-1', { event, ...over }))
    return (await findMessages(world, ['order'], 'm-1', reveal))[0] as StuckMessage
  }
  const shown = async (over: object) => (await find(over)).event

  const cases: [string, string[], object | string][] = [
    ['a value', ['/data/token'], { ...event, data: { ...event.data, token: '***' } }],
    ['a value that is null', ['/data/note'], { ...event, data: { ...event.data, note: '***' } }],
    [
      'one in a list, and no other',
      ['/data/lines/1/to'],
      { ...event, data: { ...event.data, lines: [{ to: 'x' }, { to: '***' }] } },
    ],
    [
      'names with slash and tilde',
      ['/data/a~1b', '/data/c~0d'],
      { ...event, data: { ...event.data, 'a/b': '***', 'c~d': '***' } },
    ],
    ['a part as a whole', ['/data'], { ...event, data: '***' }],
    ['the whole', [''], '***'],
    ['what is not there', ['/data/no', '/x/y/z', '/data/lines/7'], event],
    ['nothing', [], event],
  ]
  it.each(cases)('%s', async (_, sensitive, expected) => {
    expect(await shown({ sensitive })).toEqual(expected)
  })

  it('and nothing of an event without that list', async () => {
    expect(await shown({})).toBe('***')
    expect(await shown({ sensitive: 'token' })).toBe('***')
  })

  it('and the rest of the message stays', async () => {
    expect(await find({})).toEqual({ ...stuck('m-1'), service: 'order', event: '***' })
  })

  it('unless they are asked for', async () => {
    expect((await find({}, true)).event).toEqual(event)
  })
})
