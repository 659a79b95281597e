// What becomes of a delivery: which failures count as an attempt, which wait, and which are parked at once.
import { contract } from '@shop/events/envelope'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Delivery } from '../bus.ts'
import { Away, NotYet, Poison } from '../failures.ts'
import type { Fence } from '../gate.ts'
import { on } from '../inbox.ts'
import { createSettlement } from '../settlement.ts'
import { untraced } from '../spans.ts'
import { createLogger } from '../telemetry.ts'

const identity = { service: 'test', color: 'blue', version: 'v', revision: 'r', pod: 'p' }
const traceId = '0af7651916cd43dd8448eb211c80319c'
const type = 'thing.done.v1'
const owned = contract(type, z.object({ n: z.int() }), '/test')
const unowned = contract(type, z.object({ n: z.int() }))
const event = {
  ...{ specversion: '1.0', id: '01a20a70-45d6-79f6-be69-623cdf650bbc', source: '/test', type },
  ...{ subject: 'a', time: '2026-01-01T00:00:00Z', datacontenttype: 'application/json' },
  ...{ traceparent: `00-${traceId}-b7ad6b7169203331-01`, data: { n: 1 } },
}

interface Case {
  of?: typeof owned
  over?: object
  routingKey?: string | null
  failure?: Error
  result?: 'handled' | 'duplicate'
  body?: string
}

/** What is stored, counted and logged of a delivery whose handler ends with `failure` or `result`. */
async function settled({
  of = owned,
  over = {},
  routingKey = type,
  failure,
  result = 'handled',
  body = JSON.stringify({ ...event, ...over }),
}: Case) {
  const counted: string[] = []
  const ages: number[] = []
  const lines: Record<string, unknown>[] = []
  const stored: { state: string; attempts: number; reason: string }[] = []
  const paused: unknown[] = []
  let handled = 0
  const query = async (text: string, values: unknown[] = []) => {
    if (text.includes('INTO pauses')) paused.push(values[0])
    if (!text.includes('INTO parked')) return []
    const waits = text.includes("'waiting'")
    const [, second, third, fourth] = values
    stored.push({
      state: waits ? 'waiting' : String(second),
      attempts: Number(waits ? second : third),
      reason: String(waits ? third : fourth),
    })
    return [{ cause: 'waiting', failures: 1 }]
  }
  const tx = { query, execute: () => {} }
  const fence = { query, transaction: (work: (one: typeof tx) => unknown) => work(tx) }
  const subscription = on(of, { needs: 'mail', handle: async () => [] })
  const { message } = createSettlement({
    subscriptions: [
      {
        ...subscription,
        async receive() {
          handled += 1
          if (failure) throw failure
          return result
        },
      },
    ],
    consumer: 'test',
    outbox: { resend: () => {}, wake: () => {} } as never,
    logger: createLogger(identity, 'info', { write: (line) => void lines.push(JSON.parse(line)) }),
    metrics: {
      handler: {
        startTimer:
          ({ type }: { type: string }) =>
          ({ outcome }: { outcome: string }, traceId?: string) =>
            counted.push(`${type} ${outcome} ${traceId}`),
      },
      age: { observe: (seconds: number) => ages.push(seconds) },
    } as never,
    now: () => new Date(Date.parse(event.time) + 2_500),
    tracer: untraced,
  })
  const delivery: Delivery = {
    ...{ body: Buffer.from(body), routingKey, attempt: 0, deliveryCount: 0, death: null },
  }
  const error = await message(fence as unknown as Fence, delivery, 0).catch((error) => error)
  return { stored, paused, handled, counted, ages, lines, error }
}

describe('an event that its type does not belong to', () => {
  it.each<[string, Case, string]>([
    [
      'of another source',
      { over: { source: '/other' } },
      `${type} is an event of /test, and this one is of /other`,
    ],
    [
      'with the routing key of another type',
      { routingKey: 'other.done.v1' },
      `${type} came with the routing key other.done.v1`,
    ],
    [
      'with the retry key of another service',
      { routingKey: 'retry.other' },
      `${type} came with the routing key retry.other`,
    ],
  ])('%s is parked at once, and not handled', async (_, given, reason) => {
    const { stored, handled } = await settled(given)
    expect(stored).toEqual([{ state: 'parked', attempts: 1, reason }])
    expect(handled).toBe(0)
  })

  it.each<[string, Case]>([
    ['of its source', {}],
    ['that comes as a retry', { routingKey: 'retry.test' }],
    ['that an administrator sent to the queue', { routingKey: null }],
    ['of a type that any source may publish', { of: unowned, over: { source: '/other' } }],
  ])('but one %s is handled', async (_, given) => {
    expect(await settled(given)).toMatchObject({ stored: [], handled: 1 })
  })
})

it.each<[string, Case, number[]]>([
  ['is counted at its first delivery', {}, [2.5]],
  ['is not counted when it fails and comes again', { routingKey: 'retry.test' }, []],
  ['is not known of what is no event', { body: 'x' }, []],
])('the age of an event %s', async (_, given, ages) => {
  expect((await settled(given)).ages).toEqual(ages)
})

describe('a failure', () => {
  it.each<[string, Error, string, number, string[]]>([
    [
      'of a system that is away is nobody’s attempt: all wait',
      new Away('no'),
      'waiting',
      0,
      ['mail'],
    ],
    [
      'of a system that takes others is no attempt: this one waits',
      new NotYet('no'),
      'waiting',
      0,
      [],
    ],
    ['that may pass is an attempt', new Error('no'), 'retrying', 1, []],
    ['that stays is parked at once', new Poison('no'), 'parked', 1, []],
  ])('%s', async (_, failure, state, attempts, systems) => {
    const { stored, paused } = await settled({ failure })
    expect(stored).toEqual([{ state, attempts, reason: 'no' }])
    expect(paused).toEqual(systems)
  })

  it('of the database is none of the message: it is delivered again', async () => {
    const failure = Object.assign(new Error('no'), { code: 'ECONNREFUSED' })
    expect((await settled({ failure })).error).toBe(failure)
  })
})

describe('a delivery', () => {
  it.each<[string, Case, string, string]>([
    ['that is handled', {}, 'handled', 'info event settled'],
    ['of a copy', { result: 'duplicate' }, 'duplicate', 'info event settled'],
    ['that fails', { failure: new Error('-') }, 'failed', 'warn handler failed; it will run again'],
    ['that can never be handled', { failure: new Poison('-') }, 'parked', 'warn message parked'],
    ['that comes too early', { failure: new NotYet('-') }, 'postponed', 'warn the message waits'],
  ])('%s is counted and logged once, with its trace', async (_, given, outcome, line) => {
    const { counted, lines } = await settled(given)
    expect(counted).toEqual([`${type} ${outcome} ${traceId}`])
    expect(lines.map(({ level, msg }) => `${level} ${msg}`)).toEqual([line])
    expect(lines[0]).toMatchObject({ outcome, type, traceId, orderId: 'a', messageId: event.id })
  })

  it.each<[string, Case, string]>([
    ['of a system that is away', { failure: new Away('-') }, `${type} waiting ${traceId}`],
    ['of an unknown type', { over: { type: 'x.v1' } }, `other parked ${traceId}`],
    ['of another unknown type', { over: { type: 'y.v9' } }, `other parked ${traceId}`],
    [
      'that the database cannot record',
      { failure: Object.assign(new Error('-'), { code: 'ECONNREFUSED' }) },
      `${type} interrupted ${traceId}`,
    ],
  ])('%s is counted once', async (_, given, counted) => {
    expect((await settled(given)).counted).toEqual([counted])
  })

  it.each<[string, Case, string]>([
    ['without a trace', { over: { traceparent: 'no' } }, `${type} handled`],
    ['that is no event', { body: 'no' }, 'other parked'],
  ])('%s begins one', async (_, given, counted) => {
    const [first = ''] = (await settled(given)).counted
    expect(first.replace(/ [0-9a-f]{32}$/, '')).toBe(counted)
  })

  it.each<[string, Case]>([
    ['is handled', {}],
    ['fails', { failure: new Error('550 <ada@example.com>: no tok_ok') }],
    ['is of an unknown type', { over: { type: 'ada@example.com' } }],
  ])('that %s leaves no address and no token in the log', async (_, given) => {
    const over = { subject: 'ada@example.com', data: { n: 1, token: 'tok_ok' }, ...given.over }
    const { lines } = await settled({ ...given, over })
    expect(lines).toHaveLength(1)
    expect(JSON.stringify(lines)).not.toMatch(/ada|tok_/)
  })
})
