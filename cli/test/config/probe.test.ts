// `probe` in shopctl.yaml: what it may say, and where a mistake is.
import { expect, it } from 'vitest'
import { probeOf } from '../../src/context/probe.ts'
import { environmentWith, mistakeIn } from './environment.ts'

const services = ['order', 'payment']

it('an environment has none unless it says so', () => {
  const config = environmentWith('protected: true').probe
  expect([config, probeOf(config, services)]).toEqual([undefined, null])
})

it('needs a URL and a path; the first service answers', () => {
  const config = environmentWith(
    'probe: { url: "http://127.0.0.1:30080", path: /orders/1?full=1 }',
  ).probe
  expect(config).toEqual({
    ...{ url: 'http://127.0.0.1:30080', path: '/orders/1?full=1' },
    ...{ rate: 300, colorHeader: 'x-shop-color' },
  })
  expect(probeOf(config, services)).toMatchObject({
    ...{ service: 'order', rate: 300, address: 'http://127.0.0.1:30080/orders/1?full=1' },
  })
})

it('may name the service, the rate and the header', () => {
  const more = 'service: payment, rate: 20, colorHeader: X-Slot'
  const config = environmentWith(
    `probe: { url: "https://shop.example.com/", path: /, ${more} }`,
  ).probe
  expect(config).toMatchObject({ service: 'payment', rate: 20, colorHeader: 'x-slot' })
  expect(probeOf(config, services)).toMatchObject({
    ...{ service: 'payment', address: 'https://shop.example.com/' },
  })
})

const url =
  'probe.url: expected an address such as https://shop.example.com, without user, path, query and fragment'
const path =
  'probe.path: expected a path that begins with a slash, without blanks, umlauts and fragment'

it.each<[string, string]>([
  ['{ path: / }', 'probe.url: expected text; it is missing'],
  ['{ url: https://a }', 'probe.path: expected text; it is missing'],
  ['{ url: shop.example.com, path: / }', url],
  ['{ url: ftp://shop.example.com, path: / }', url],
  ['{ url: https://me:verysecret@shop.example.com, path: / }', url],
  ['{ url: https://shop.example.com/api, path: / }', url],
  ['{ url: "https://shop.example.com/?token=verysecret", path: / }', url],
  ['{ url: "https://shop.example.com/#", path: / }', url],
  ['{ url: https://a, path: orders }', path],
  ['{ url: https://a, path: "/a b" }', path],
  ['{ url: https://a, path: "/a#b" }', path],
  ['{ url: https://a, path: /ä }', path],
  ['{ url: https://a, path: /, rate: 0 }', 'probe.rate: expected at least 1'],
  ['{ url: https://a, path: /, rate: 501 }', 'probe.rate: expected at most 500'],
  ['{ url: https://a, path: /, rate: fast }', 'probe.rate: expected a number, not text'],
  [
    '{ url: https://a, path: /, colorHeader: "x shop" }',
    'probe.colorHeader: expected the name of a header',
  ],
  [
    '{ url: https://a, path: /, service: web }',
    'probe.service: expected one of the services: order, payment',
  ],
  ['{ url: https://a, path: /, method: POST }', 'probe.method: there is no such setting'],
  ['https://a', 'probe: expected a map, not text'],
])('probe: %s is a mistake', (value, expected) => {
  const message = mistakeIn(`probe: ${value}`)
  expect(message).toMatch(/^shopctl\.yaml:25:\d+: /)
  expect(message.replace(/^\S+ environments\.local\./, '')).toBe(expected)
  expect(message).not.toContain('verysecret')
})
