// What a log line says, and the order of lines.
import { describe, expect, it } from 'vitest'
import { inOrder, keyOf, lineOf, matcherOf, normalTime } from '../../src/inspect/log-lines.ts'
import { aLine } from '../fakes/logs.ts'

it.each([
  ['2026-01-01T12:00:00Z', '2026-01-01T12:00:00.000000000Z'],
  ['2026-01-01T12:00:00.5Z', '2026-01-01T12:00:00.500000000Z'],
  ['2026-01-01T12:00:00.123456789Z', '2026-01-01T12:00:00.123456789Z'],
  // Some runtimes write the time of the node's zone.
  ['2026-01-01T12:30:00.123456789+01:30', '2026-01-01T11:00:00.123456789Z'],
  ['2026-01-01T12:00:00.1234567891Z', '2026-01-01T12:00:00.123456789Z'],
  ['yesterday', null],
  ['2026-13-01T12:00:00Z', null],
  ['', null],
])('the time %j is %j', (time, expected) => {
  expect(normalTime(time)).toBe(expected)
})

describe('a line', () => {
  const json = (object: object) => JSON.stringify(object)
  it.each([
    ['of text', 'LOG:  checkpoint', { message: 'LOG:  checkpoint', level: null, fields: {} }],
    [
      'of pino',
      json({
        level: 'info',
        service: 'x',
        color: 'y',
        version: 'v2',
        msg: 'hello',
        orderId: 'o-1',
      }),
      { message: 'hello', level: 'info', version: 'v2', fields: { orderId: 'o-1' } },
    ],
    ['with `message`', json({ message: 'hello' }), { message: 'hello', fields: {} }],
    ['with another level', json({ level: 30, msg: 'a' }), { level: null, message: 'a' }],
    ['without a message', json({ level: 'info' }), { level: null, message: '{"level":"info"}' }],
    ['that breaks off', '{"msg":"a', { message: '{"msg":"a', level: null }],
    ['that is a list', '[1]', { message: '[1]' }],
    ['that is empty', '', { message: '' }],
  ])('%s', (_, text, expected) => {
    const { time, service, color } = lineOf(aLine(1, { text }))
    expect(lineOf(aLine(1, { text }))).toMatchObject(expected)
    // What the pod says of itself does not count: another might say it.
    expect({ time, service, color }).toEqual({
      ...{ time: '2026-01-01T12:00:01.000000000Z', service: 'order', color: 'blue' },
    })
  })
})

describe('lines', () => {
  const texts = (lines: Parameters<typeof inOrder>[0]) => inOrder(lines).map(({ text }) => text)

  it('are merged by time, each once', () => {
    const green = (second: number) => aLine(second, { color: 'green', pod: 'order-green-1' })
    expect(texts([aLine(3), aLine(1), green(2), aLine(1)])).toEqual(['line 1', 'line 2', 'line 3'])
  })

  it.each([
    ['its own', '2026-01-01T12:00:00.950Z', ['own', 'line 1']],
    ['when it was read, if its own is later', '2026-01-01T12:00:09Z', ['line 1', 'own']],
    ['when it was read, if its own is of another clock', '2026-01-01T11:00:00Z', ['line 1', 'own']],
    ['when it was read, if its own is none', 'today', ['line 1', 'own']],
  ])('the time of a line is %s', (_, time, expected) => {
    const own = aLine(1, {
      time: '2026-01-01T12:00:01.090Z',
      text: JSON.stringify({ time, msg: 'own' }),
    })
    const sorted = inOrder([own, aLine(1)]).map(lineOf)
    expect(sorted.map(({ message }) => message)).toEqual(expected)
    expect(sorted.map((line) => line.time)).toEqual(sorted.map((line) => line.time).toSorted())
  })

  it('of one moment stay in order', () => {
    const at = (offset: number) => aLine(1, { text: String(offset), place: { file: 'a', offset } })
    expect(texts([at(900), at(80), at(7)])).toEqual(['7', '80', '900'])
    const ofPod = (text: string) => aLine(1, { text, place: null })
    expect(texts([ofPod('b'), ofPod('a'), ofPod('c')])).toEqual(['b', 'a', 'c'])
  })

  it.each([
    ['another place', { place: { file: '/pods/order-blue-1/0.log', offset: 2 } }, 2],
    ['another file', { place: { file: '/pods/order-blue-1/1.log', offset: 1 } }, 2],
    // A file that was rotated begins again.
    ['another time', { time: '2026-01-01T12:00:09Z' }, 2],
    ['the same time, written otherwise', { time: '2026-01-01T12:00:01Z' }, 1],
    ['nothing else', {}, 1],
  ])('with %s', (_, more, count) => {
    expect(inOrder([aLine(1), aLine(1, more)])).toHaveLength(count)
  })

  it('of pods have their text as place', () => {
    const one = aLine(1, { place: null })
    expect(keyOf(one)).toBe(keyOf({ ...one }))
    expect(keyOf(one)).not.toBe(keyOf({ ...one, text: 'another' }))
    expect(keyOf(one)).not.toBe(keyOf({ ...one, pod: 'another' }))
  })
})

it.each<[string | null, string | null, string, boolean]>([
  [null, null, '', true],
  ['or(', null, 'error(1)', true],
  ['Error', null, 'error(1)', false],
  [null, 'o-1', '{"orderId":"o-1"}', true],
  [null, 'o-1', 'o-1', true],
  [null, 'o-1', 'o-12', false],
  [null, 'o-1', 'o-1-2', false],
  [null, 'o-1', 'no-1', false],
  [null, 'a.c', 'abc', false],
  ['x', 'o-1', 'o-1', false],
  ['x', 'o-1', 'x o-1', true],
])('text %j and word %j in %j: %s', (text, word, line, expected) => {
  expect(matcherOf(text, word)(line)).toBe(expected)
})
