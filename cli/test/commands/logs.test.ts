// Lines of logs for people, and what the command asks for.
import { describe, expect, it } from 'vitest'
import { type LogsInput, linesText, lineText, logsCommand } from '../../src/commands/logs.ts'
import type { Context } from '../../src/context.ts'
import { lineOf } from '../../src/inspect/log-lines.ts'
import { painted } from '../../src/output/terminal.ts'
import { aLine } from '../fakes/logs.ts'
import { createWorld } from '../fakes/world.ts'

const widths = { service: 12 }

function plain(text: string): string {
  return painted(text, { write() {} })
}

function shown(object: object | string): string {
  const text = typeof object === 'string' ? object : JSON.stringify(object)
  return plain(lineText(lineOf(aLine(1, { text })), widths))
}

describe('a line', () => {
  it('has its color in front', () => {
    expect(shown({ level: 'info', msg: 'event settled', type: 'order.placed', n: 1 })).toBe(
      'blue   order         2026-01-01 12:00:01.000Z  info   event settled type=order.placed n=1',
    )
    const green = lineText(lineOf(aLine(1, { color: 'green' })), widths)
    expect(green.startsWith('\u001B[32mgreen\u001B[39m')).toBe(true)
    expect(lineText(lineOf(aLine(1)), widths).startsWith('\u001B[34mblue')).toBe(true)
  })

  it('of no slot has none', () => {
    expect(plain(lineText(lineOf(aLine(1, { color: null })), widths))).toMatch(/^- {6}order/)
  })

  it.each([
    [
      'an error',
      { msg: 'no', err: { type: 'E', message: 'refused', stack: 'E\n at x' } },
      /no err=refused$/,
    ],
    ['a map', { msg: 'a', of: { b: 1 } }, /a of=\{"b":1\}$/],
    ['nothing', { msg: 'a', none: null }, /a none=null$/],
    ['styles and rings', '\u001B[31mred\u0007 \u001B]0;title\u0007text', /red text$/],
    ['a new line', { msg: 'one\ntwo\u001B[2J', 'a\nb': 'c\r\nd' }, /one two a b=c d$/],
    ['a level that lies', { level: '\u001B[2J\n', msg: 'a' }, /000Z {9}a$/],
  ])('with %s is one line without control characters', (_, object, expected) => {
    const line = shown(object)
    expect(line).toMatch(expected)
    expect(line).not.toMatch(/\p{Cc}/u)
  })

  it.each([
    [
      'its pod where its slot has several',
      ['order-blue-6f-7xk2p', 'order-blue-6f-b'],
      '  7xk2p  2026',
    ],
    ['no pod where its slot has one', ['order-blue-6f-7xk2p'], '  2026'],
  ])('has %s', (_, pods, expected) => {
    const lines = pods.map((pod) => lineOf(aLine(1, { pod })))
    const [first = ''] = plain(linesText(lines, { service: 5 })).split('\n')
    expect(first).toContain(`blue   order${expected}`)
    expect(first.length).toBeLessThanOrEqual(80)
  })

  it('is missed where there is none', () => {
    expect(linesText([], widths)).toBe('There are no such lines.')
  })
})

function run(more: Partial<LogsInput> = {}) {
  const world = createWorld(['order', 'payment'])
  const context = {
    ...world,
    env: 'local',
    config: { services: { order: {}, payment: {} } },
    cluster: async () => world,
  } as unknown as Context
  const input: LogsInput = {
    ...{ service: null, color: null, sinceMs: null, grep: null, order: null },
    ...{ limit: 1_000, follow: false, json: false, ...more },
  }
  world.logStore.lines = [
    aLine(1, { text: JSON.stringify({ level: 'info', msg: 'placed', orderId: 'o-1' }) }),
    aLine(2, { service: 'payment', text: JSON.stringify({ msg: 'captured', orderId: 'o-1' }) }),
    aLine(3, { text: 'another' }),
  ]
  return { world, result: logsCommand(context, input) }
}

it('prints one document', async () => {
  const { result } = run({ order: 'o-1', json: true })
  expect((await result)?.document).toEqual({
    ...{ version: 1, env: 'local', from: 'observability/logs:9428', more: false },
    lines: [
      {
        ...{ time: '2026-01-01T12:00:01.000000000Z', service: 'order', color: 'blue' },
        ...{ version: null, pod: 'order-blue-1', level: 'info', message: 'placed' },
        fields: { orderId: 'o-1' },
      },
      expect.objectContaining({ service: 'payment', message: 'captured' }),
    ],
  })
})

it('says when lines are left off', async () => {
  const { world, result } = run({ order: 'o-1', limit: 1 })
  expect(plain((await result)?.text(80) ?? '')).toMatch(
    /^blue +payment +2026.*captured orderId=o-1$/,
  )
  expect(world.progress.lines.join()).toMatch(/the latest 1 lines\. .*--since/)
})

it.each<[string, Partial<LogsInput>, object]>([
  ['ten minutes', {}, { services: ['order', 'payment'], minutes: 10 }],
  ['a time', { sinceMs: 60_000, service: 'payment' }, { services: ['payment'], minutes: 1 }],
  ['all of an order', { order: 'o-1' }, { word: 'o-1', minutes: null }],
  ['an order lately', { order: 'o-1', sinceMs: 60_000 }, { word: 'o-1', minutes: 1 }],
  ['a text', { grep: 'x', color: 'green' }, { text: 'x', color: 'green', minutes: 10 }],
])('asks for %s', async (_, input, expected) => {
  const { world, result } = run(input)
  await result
  const { since = null, ...asked } = world.logStore.asked[0] ?? {}
  const now = world.clock.now().getTime()
  expect({ ...asked, minutes: since && (now - since.getTime()) / 60_000 }).toMatchObject(expected)
})

it.each<[Partial<LogsInput>, string]>([
  [{ service: 'ordr' }, 'unknown-service'],
  [{ follow: true, json: true }, 'bad-usage'],
])('refuses %j', async (input, code) => {
  const { result } = run(input)
  await expect(result).rejects.toMatchObject({ exitCode: 2, code })
})
