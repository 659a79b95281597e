// `freezes` in shopctl.yaml: what they may say, where a mistake is, and when they begin and end.
import { afterEach, expect, it, vi } from 'vitest'
import { beginOf, endOf } from '../../src/config/freezes.ts'
import { environmentWith, mistakeIn } from './environment.ts'

afterEach(() => vi.unstubAllEnvs())

it('are none unless it says so', () => {
  expect(environmentWith('protected: true').freezes).toEqual([])
})

it('are times with a zone, or days', () => {
  const some = [
    { from: '2026-12-24', to: '2026-12-26', reason: 'Christmas' },
    { from: '2026-12-24', to: '2026-12-24', reason: 'one day' },
    { from: '2026-11-27T08:00+01:00', to: '2026-11-30T08:00:00.000Z', reason: 'sale' },
  ]
  const lines = some.map(
    ({ from, to, reason }) => `      - { from: ${from}, to: ${to}, reason: ${reason} }`,
  )
  expect(environmentWith(['freezes:', ...lines].join('\n')).freezes).toEqual(some)
})

const time =
  'expected a time with its zone, such as 2026-12-24T18:00+01:00, or a day, such as 2026-12-24'
const at = '25:16: environments.local.freezes'

it.each([
  ['one: 1', '25:5: environments.local.freezes: expected a list, not a map'],
  ['[ { from: 2026-12-24, to: 2026-12-26 } ]', `${at}.0.reason: expected text; it is missing`],
  [
    '[ { from: 2026-12-24, to: 2026-12-26, reason: " " } ]',
    '25:52: environments.local.freezes.0.reason: expected the reason',
  ],
  [
    '[ { from: 2026-12-24T18:00, to: 2026-12-26, reason: a } ]',
    `25:18: environments.local.freezes.0.from: ${time}`,
  ],
  [
    '[ { from: 2026-02-30, to: 2026-12-26, reason: a } ]',
    `25:18: environments.local.freezes.0.from: ${time}`,
  ],
  [
    '[ { from: 2026-02-30T00:00Z, to: 2026-12-26, reason: a } ]',
    `25:18: environments.local.freezes.0.from: ${time}`,
  ],
  [
    '[ { from: 2026-12-24, to: tomorrow, reason: a } ]',
    `25:36: environments.local.freezes.0.to: ${time}`,
  ],
  [
    '[ { from: 20261224, to: 2026-12-26, reason: a } ]',
    `25:18: environments.local.freezes.0.from: ${time}`,
  ],
  ['[ { to: 2026-12-26, reason: a } ]', `${at}.0.from: ${time}`],
  [
    '[ { from: 2026-12-26, to: 2026-12-24, reason: a } ]',
    '25:36: environments.local.freezes.0.to: expected an end after `from`',
  ],
  [
    '[ { from: 2026-12-24T18:00Z, to: 2026-12-24T19:00+01:00, reason: a } ]',
    '25:43: environments.local.freezes.0.to: expected an end after `from`',
  ],
  [
    '[ { from: 2026-12-24, to: 2026-12-26, reason: a, why: b } ]',
    '25:63: environments.local.freezes.0.why: there is no such setting',
  ],
])('freezes: %s', (value, expected) => {
  const text = value.startsWith('[') ? `freezes: ${value}` : `freezes: { ${value} }`
  expect(mistakeIn(text)).toBe(`shopctl.yaml:${expected}`)
})

it.each([
  ['Europe/Berlin', '2026-12-24', '2026-12-23T23:00:00.000Z', '2026-12-24T23:00:00.000Z'],
  ['UTC', '2026-12-24', '2026-12-24T00:00:00.000Z', '2026-12-25T00:00:00.000Z'],
  ['Pacific/Auckland', '2026-12-31', '2026-12-30T11:00:00.000Z', '2026-12-31T11:00:00.000Z'],
  // 23 hours, and 25.
  ['Europe/Berlin', '2026-03-29', '2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z'],
  ['Europe/Berlin', '2026-10-25', '2026-10-24T22:00:00.000Z', '2026-10-25T23:00:00.000Z'],
  // A time is the same everywhere, and has no length.
  [
    'Europe/Berlin',
    '2026-12-24T18:00-05:00',
    '2026-12-24T23:00:00.000Z',
    '2026-12-24T23:00:00.000Z',
  ],
])('in %s, %s is from %s to %s', (zone, text, begin, end) => {
  vi.stubEnv('TZ', zone)
  const times = [beginOf({ from: text }), endOf({ to: text })]
  expect(times.map((each) => new Date(each).toISOString())).toEqual([begin, end])
})
