// Durations and digests on the command line.
import { InvalidArgumentError } from 'commander'
import { expect, it } from 'vitest'
import { digests, seconds, timeSpan } from '../../src/program/options.ts'

it.each([
  ['180', 180],
  ['180s', 180],
  ['0.5', 0.5],
  ['2147483', 2_147_483],
])('%s is a duration', (text, expected) => {
  expect(seconds(text)).toBe(expected)
})

it.each([
  '',
  '1e3',
  '0x10',
  ' ',
  's',
  '0',
  '0s',
  '-1',
  '-0',
  'NaN',
  'Infinity',
  '1e400',
  '2147484',
  '5m',
  '1 2',
  '1,5',
])('"%s" is none that can be waited', (text) => {
  expect(() => seconds(text)).toThrow(InvalidArgumentError)
})

it.each([
  ['30s', 30_000],
  ['10m', 600_000],
  ['1.5h', 5_400_000],
  ['3d', 259_200_000],
])('%s is a time span', (text, expected) => {
  expect(timeSpan(text)).toBe(expected)
})

it.each(['', '10', 'm', '0s', '-1h', '1e3s', '10 m', '10M', '99999d', 'yesterday'])(
  '"%s" is no time span',
  (text) => {
    expect(() => timeSpan(text)).toThrow(InvalidArgumentError)
  },
)

const digest = `sha256:${'a1'.repeat(32)}`

it('digests are a map by service', () => {
  expect(digests(`{"order":"${digest}"}`)).toEqual({ order: digest })
})

it.each([
  '',
  '{}',
  '[]',
  'null',
  '"order"',
  digest,
  `["${digest}"]`,
  '{"order":"sha256:abc"}',
  '{"order":null}',
  `{"order":"${digest}","payment":7}`,
  `{"order":"${digest.toUpperCase()}"}`,
  `{"order":["${digest}"]}`,
  `{"order":{"digest":"${digest}"}}`,
])('%s names no images', (text) => {
  expect(() => digests(text)).toThrow(InvalidArgumentError)
})
