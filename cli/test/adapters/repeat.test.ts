// When a request is sent again, and after which pause.
import { expect, it } from 'vitest'
import { createPatience, lateError, type Outcome, type Retry } from '../../src/adapters/repeat.ts'

const now = Date.UTC(2026, 0, 1, 12)
const busy = (retryAfter?: string): Outcome => ({ status: 429, retryAfter })
const broken: Outcome = { status: 503, retryAfter: undefined }
const lost = Object.assign(new Error('reset'), { code: 'ECONNRESET' })
const away = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })

function pauses(outcomes: Outcome[], retry: Retry = 'read', answeredBefore = false) {
  const pauseAfter = createPatience(retry, () => now)
  return outcomes.map((outcome) => pauseAfter(outcome, answeredBefore))
}

it.each<[string, Outcome[], (number | null)[]]>([
  ['longer and longer pauses, five attempts', Array(5).fill(broken), [200, 400, 800, 1600, null]],
  ['the seconds of Retry-After', [busy('2'), busy('0.5')], [2_000, 500]],
  ['the date of Retry-After', [busy('Thu, 01 Jan 2026 12:00:03 GMT')], [3_000]],
  ['a date that has passed: as without one', [busy('Thu, 01 Jan 2026 11:59:00 GMT')], [200]],
  ['what is no time: as without one', [busy('soon'), busy('-1'), busy('0')], [200, 400, 800]],
  ['no more than 15 s for all pauses', [busy('10'), busy('6')], [10_000, null]],
  ['a pause that is too long: gives up at once', [busy('3600')], [null]],
  ['a pause without end: gives up at once', [busy('Infinity')], [null]],
  ['a lost connection', [lost, lost], [200, 400]],
  ['what does not pass', [{ status: 404, retryAfter: undefined }], [null]],
  ['not implemented', [{ status: 501, retryAfter: '1' }], [null]],
])('%s', (_, outcomes, expected) => {
  expect(pauses(outcomes)).toEqual(expected)
})

it('a write is sent again only after 429', () => {
  expect([busy(), broken, lost].map((outcome) => pauses([outcome], 'write')[0])).toEqual([
    200,
    null,
    null,
  ])
})

it.each<[string, Outcome, number | null]>([
  ['429', busy(), 200],
  ['a lost connection', lost, 200],
  ['a server that restarts', away, 200],
  ['5xx: they are for the caller', broken, null],
  ['silence: it is for the caller', lateError(4_000), null],
])('a read that a pod answers, after %s', (_, outcome, pause) => {
  expect(pauses([outcome], 'forwarded', true)).toEqual([pause])
})

it('nothing is sent again unless it may be', () => {
  expect(createPatience(undefined, () => now)(busy(), true)).toBeNull()
})

it('a server that answered before may restart, and be silent once', () => {
  expect(pauses([away], 'read', false)).toEqual([null])
  expect(pauses([away], 'read', true)).toEqual([200])
  expect(pauses([lateError(4_000), lateError(4_000)], 'read', true)).toEqual([200, null])
})
