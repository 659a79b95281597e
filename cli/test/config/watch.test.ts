// `watch` in shopctl.yaml: how long, and the gates.
import { expect, it } from 'vitest'
import { watchMs } from '../../src/config/watch.ts'
import { environmentWith, mistakeIn } from './environment.ts'

it.each([
  ['protected: false', 0],
  ['protected: true', 300_000],
  ['watch: { for: 10m }', 600_000],
  ['watch: { for: 0 }', 0],
  ['protected: true\n    watch: { for: 0 }', 0],
])('with %j, a switch is watched for %s ms', (settings, ms) => {
  expect(watchMs(environmentWith(settings))).toBe(ms)
})

it('has gates, each with a mode and a limit', () => {
  const { watch } = environmentWith(
    'watch: { errors: dry-run, slow: { limit: 800 }, age: off, unfinished: { mode: dry-run, limit: 2 }, own: [{ name: open, query: open_orders, limit: 0 }] }',
  )
  expect(watch).toMatchObject({
    ...{ pods: { mode: 'on', limit: 10 }, errors: { mode: 'dry-run', limit: 0.5 } },
    ...{ slow: { mode: 'on', limit: 800 }, age: { mode: 'off' }, parked: { mode: 'on', limit: 1 } },
    unfinished: { mode: 'dry-run', limit: 2 },
    own: [{ name: 'open', query: 'open_orders', limit: 0, mode: 'on' }],
  })
})

it.each([
  ['watch: { for: soon }', /for: expected a time span/],
  ['watch: { for: 25d }', /for: expected a time span/],
  ['watch: { for: 5 }', /for: expected a time span/],
  ['watch: { errors: never }', /errors.*expected one of on, dry-run, off/],
  ['watch: { errors: { limit: 0 } }', /errors\.limit: expected a number above 0 and up to 10/],
  ['watch: { errors: { limit: 11 } }', /errors\.limit: expected a number above 0 and up to 10/],
  ['watch: { noise: on }', /noise/],
  ['watch: { own: [{ name: slow, query: q, limit: 1 }] }', /expected another name than slow/],
  [
    'watch: { own: [{ name: unfinished, query: q, limit: 1 }] }',
    /expected another name than unfinished/,
  ],
  ['watch: { own: [{ name: a, query: " ", limit: 1 }] }', /expected an expression in PromQL/],
])('%s is a mistake', (settings, message) => {
  expect(mistakeIn(settings)).toMatch(message)
})
