// The next page of a list: as registries name it, and never elsewhere.
import { createHash } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { nextPage } from '../../../src/adapters/registry/pages.ts'
import { createRegistry } from '../../../src/adapters/registry/registry.ts'
import { aLimit } from '../../fakes/host.ts'
import { listen } from '../../fakes/token-server.ts'

const digest = `sha256:${'a'.repeat(64)}`
const page = `https://r.example/v2/shop/order/referrers/${digest}?artifactType=x`

describe('the next page', () => {
  it.each<[string, string | null, string | null]>([
    ['of nothing', null, null],
    ['of an empty header', '', null],
    ['by a path', '</v2/shop/order/referrers/b?last=1>; rel="next"', 'referrers/b?last=1'],
    ['by a query alone', '<?n=2&last=1>; rel="next"', `referrers/${digest}?n=2&last=1`],
    ['by an address', `<${page}&last=1>;rel=next`, `referrers/${digest}?artifactType=x&last=1`],
    [
      'among others',
      '</v2/a>; rel="first", </v2/b>; title="a, <b>; rel=next"; rel=last, <?p=3>; rel="prefetch NEXT"; type=x',
      `referrers/${digest}?p=3`,
    ],
    ['of another kind', '<?n=2>; rel="prev"', null],
    ['without a kind', '<?n=2>', null],
    ['of what follows a mistake', 'no, <?n=2>; rel="next"', null],
    ['on another host', `<https://evil.example/v2/shop/order/referrers/b>; rel="next"`, null],
    [
      'on another host, without a scheme',
      '<//evil.example/v2/shop/order/referrers/b>; rel="next"',
      null,
    ],
    ['on another port', '<https://r.example:444/v2/shop/order/referrers/b>; rel="next"', null],
    ['without TLS', '<http://r.example/v2/shop/order/referrers/b>; rel="next"', null],
    [
      'with a login of its own',
      '<https://me:pw@r.example/v2/shop/order/referrers/b>; rel="next"',
      'referrers/b',
    ],
    ['of another repository', '</v2/shop/payment/referrers/b>; rel="next"', null],
    ['of another list', '</v2/shop/order/tags/list?last=1>; rel="next"', null],
    ['by dots', '</v2/shop/order/referrers/../../payment/referrers/b>; rel="next"', null],
    ['that is no address', '<https://[>; rel="next"', null],
  ])('%s', (_, link, expected) => {
    expect(nextPage(link, page, 'https://r.example/v2/shop/order/')).toBe(expected)
  })
})

it('takes no longer for odd headers', () => {
  const repeated = ['<a>', ';a', ' ; a = ', ' ', ' ,', ';rel=', ';a="', ',<a>', '\\"', '<']
  for (const each of repeated) {
    const header = `<a>${each.repeat(16_000 / each.length)}(`
    const from = performance.now()
    expect(nextPage(header, page, page)).toBeNull()
    expect(performance.now() - from, each).toBeLessThan(1_000)
  }
})

async function start(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  onTestFinished(() => void server.close().closeAllConnections())
  return listen(server)
}

function digestOf(content: string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

it('a registry is asked for all pages, with its login, and no other host is asked', async () => {
  const elsewhere: string[] = []
  const other = await start((request, response) => {
    elsewhere.push(request.url ?? '')
    response.end('{}')
  })
  const blobs = ['one', 'two', 'three']
  const manifests = blobs.map((blob) =>
    JSON.stringify({ layers: [{ digest: digestOf(blob), size: 3 }] }),
  )
  const logins: (string | undefined)[] = []
  const host = await start(({ url = '', headers }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://x')
    const number = Number(searchParams.get('page') ?? 0)
    if (!headers.authorization)
      return response.writeHead(401, { 'www-authenticate': 'Basic' }).end()
    const content = [...blobs, ...manifests].find((each) => pathname.endsWith(digestOf(each)))
    if (content) return response.end(content)
    if (!pathname.startsWith('/v2/shop/order/referrers/')) return response.writeHead(404).end()
    logins.push(headers.authorization)
    // Some filter, and say so. Others do not.
    const found = { digest: digestOf(manifests[number] ?? ''), artifactType: 'application/x' }
    const next =
      number === 2 ? `http://${other}${pathname}?page=3` : `${pathname}?page=${number + 1}`
    response.setHeader('link', `<${next}>; rel="next"`)
    response.setHeader('oci-filters-applied', 'artifactType')
    response.end(JSON.stringify({ manifests: [found, { digest, artifactType: 'application/y' }] }))
  })
  const login = { username: 'ada', password: 'secret', source: 'config.json' }
  const registry = createRegistry({ limit: aLimit, logins: async () => login })
  expect(await registry.referrers(`${host}/shop/order`, digest, 'application/x')).toEqual(blobs)
  expect(logins).toHaveLength(3)
  expect(elsewhere).toEqual([])
})
