// The page about the gates shows the figures that the code has.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createTest, leastBreach } from '../../../src/release/watch/sequential.ts'
import { leastTolerated, toleratedShare } from '../../../src/release/watch/tolerated.ts'
import { breachedAfter, requestsUntil } from './exact.ts'
import { secondsUntil } from './exact-bursts.ts'

const page = readFileSync(join(import.meta.dirname, '..', '..', '..', 'WATCH.md'), 'utf8')
const many = 16

/** The cells of the table that has this heading in its first column. */
function tableOf(heading: string): string[][] {
  const [, rest = ''] = page.split(`\n| ${heading} |`)
  const [table = ''] = rest.split('\n\n')
  return table
    .split('\n')
    .slice(2)
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()))
}

function percent(share: number, digits = 1): string {
  return `${Number((100 * share).toFixed(digits))} %`
}

function text(count: number): string {
  return count.toLocaleString('en-US')
}

it('says what is tolerated after a half hour without failures', () => {
  const rows = [60, 180, 600, 1_800].map((requests) => [
    text(requests),
    percent(toleratedShare({ requests, failures: 0 }, leastTolerated.failures)),
  ])
  expect(tableOf('Requests before, none of which failed')).toEqual(rows)
})

it('says how many failures are a breach', () => {
  const rows = [10, 30, 100, 300, 1_000, 10_000].map((requests) => [
    text(requests),
    ...[1, many].map((gates) => text(leastBreach(createTest(0.005, gates), requests) ?? 0)),
  ])
  expect(tableOf('Requests')).toEqual(rows)
})

it.each([
  ['It fails', leastTolerated.failures, [1, 0.5, 0.2, 0.05, 0.02, 0.01]],
  ['It is slow', leastTolerated.slow, [1, 0.5, 0.2, 0.1, 0.06]],
])(
  'says how soon a bad version is found: %s',
  { timeout: 240_000 },
  (heading, tolerated, shares) => {
    const rows = shares.map((share) => [
      percent(share),
      ...[1, many].map((gates) =>
        requestsUntil(createTest(tolerated, gates), share, [0.5, 0.95]).map(text).join(', '),
      ),
      `${secondsUntil(createTest(tolerated, many), share, 30, 0.95)} s`,
    ])
    expect(tableOf(heading)).toEqual(rows)
  },
)

// Some seconds of arithmetic, and other tests run beside it.
it('says how likely a false breach is', { timeout: 240_000 }, () => {
  const rows = [0.005, 0.01, 0.03, 0.1].map((tolerated) => {
    const probability = many * breachedAfter(createTest(tolerated, many), tolerated, 300_000)
    expect(probability).toBeLessThanOrEqual(0.001)
    return [percent(tolerated), percent(probability, 3)]
  })
  expect(tableOf('Tolerated share')).toEqual(rows)
})

it('says what a short watch misses', () => {
  const found = (share: number, requests: number) =>
    percent(breachedAfter(createTest(0.005, many), share, requests), 0)
  const prose = page.replaceAll(/\s+/g, ' ')
  expect(prose).toContain(
    `five minutes at 30 requests/s, one of 16 gates finds 1 % with a probability of ${found(0.01, 9_000)} at most`,
  )
  expect(prose).toContain(
    `fails in 6 % with a probability of ${found(0.06, 300)}, and one that fails in 2 % with ${found(0.02, 300)}.`,
  )
})
