// The Secrets of Helm: what they record, and the repair of an incomplete release.
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { createReleases, recordedOf } from '../../../src/drivers/helm/releases.ts'
import { createFakeApi } from '../../fakes/kubernetes-api.ts'

const secrets = '/api/v1/namespaces/shop/secrets'

/** As Helm packs a release, and Kubernetes its Secret. */
const content = Buffer.from(gzipSync('{}').toString('base64')).toString('base64')

function revision(name: string, version: number, status: string, more: object = {}) {
  return {
    data: { release: content },
    metadata: {
      name: `sh.helm.release.v1.${name}.v${version}`,
      labels: { owner: 'helm', name, version: String(version), status, ...more },
    },
  }
}

const finished = { finished: true, marks: {} }
const unfinished = { finished: false, marks: {} }

describe('a Helm release', () => {
  it.each<[string, ReturnType<typeof revision>[], object]>([
    ['that was deployed is finished', [revision('order', 1, 'deployed')], { order: finished }],
    ['that was killed is not', [revision('order', 1, 'pending-install')], { order: unfinished }],
    [
      'that failed is not, though one before it is deployed',
      [revision('order', 9, 'deployed'), revision('order', 10, 'failed')],
      { order: unfinished },
    ],
    [
      'of which only a past revision is left is not',
      [revision('order', 1, 'superseded', { 'shopctl.dev/rendered': 'r' })],
      { order: { finished: false, marks: { rendered: 'r' } } },
    ],
    [
      'that failed is past after a good one',
      [revision('order', 2, 'failed'), revision('order', 3, 'deployed')],
      { order: finished },
    ],
    [
      'is what its latest revision says, in whatever order they come',
      [
        revision('order', 3, 'deployed', { 'shopctl.dev/checked': 'new' }),
        revision('order', 2, 'deployed', { 'shopctl.dev/checked': 'old' }),
      ],
      { order: { finished: true, marks: { checked: 'new' } } },
    ],
    [
      'is distinguished by its name',
      [revision('order', 1, 'pending-upgrade'), revision('order-green', 7, 'deployed')],
      { order: unfinished, 'order-green': finished },
    ],
    [
      'that is being uninstalled is not',
      [revision('order', 1, 'uninstalling')],
      { order: unfinished },
    ],
  ])('%s', (_, found, expected) => {
    expect(recordedOf(found)).toEqual(expected)
  })

  it('is found by its Secrets, and not by those of others', async () => {
    const api = createFakeApi(Date.now)
    for (const each of [
      revision('order', 2, 'superseded'),
      revision('order', 3, 'deployed'),
      revision('payment', 1, 'deployed', { owner: 'somebody' }),
    ])
      api.put(`${secrets}/${each.metadata.name}`, each)
    expect(await createReleases(api, 'shop').recorded()).toEqual({ order: finished })
  })
})

describe('a repair', () => {
  const pending = (status: string): [string, [number, string][], number[]] => [
    `of one that is ${status} forgets the last revision`,
    [
      [9, 'deployed'],
      [10, status],
    ],
    [10],
  ]
  it.each<[string, [number, string][], number[]]>([
    ['of one that was killed at its first is a new start', [[1, 'pending-install']], [1]],
    pending('pending-upgrade'),
    pending('pending-rollback'),
    [
      'of one that was killed twice forgets both revisions',
      [
        [1, 'superseded'],
        [2, 'pending-upgrade'],
        [3, 'pending-rollback'],
      ],
      [3, 2],
    ],
    [
      'leaves one alone of which only a past revision is left: helm upgrades it',
      [[1, 'superseded']],
      [],
    ],
    [
      'of one that is being uninstalled forgets all of it',
      [
        [1, 'superseded'],
        [2, 'uninstalling'],
      ],
      [1, 2],
    ],
    [
      'of one that was uninstalled forgets all of it',
      [
        [1, 'superseded'],
        [2, 'uninstalled'],
      ],
      [1, 2],
    ],
    [
      'leaves one alone that failed: helm upgrades it',
      [
        [1, 'deployed'],
        [2, 'failed'],
      ],
      [],
    ],
    ['leaves one alone that is well', [[1, 'deployed']], []],
    ['has nothing to do where there is none', [], []],
  ])('%s', async (_, revisions, deleted) => {
    const api = createFakeApi(Date.now)
    const others = [revision('order', 1, 'pending-upgrade'), revision('order-blue', 1, 'failed')]
    const own = revisions.map(([version, status]) => revision('order-green', version, status))
    for (const each of [...others, ...own]) api.put(`${secrets}/${each.metadata.name}`, each)
    const repaired = await createReleases(api, 'shop').repair('order-green')
    expect(repaired).toBe(deleted.length > 0)
    expect(api.changes).toEqual(
      deleted.map((version) => `DELETE ${secrets}/sh.helm.release.v1.order-green.v${version}`),
    )
  })
})

it.each([
  ['no content', {}],
  ['content that is cut off', { release: content.slice(0, 20) }],
  ['other content', { release: Buffer.from('hello').toString('base64') }],
])('a repair forgets a last revision with %s, which Helm would skip', async (_, data) => {
  const api = createFakeApi(Date.now)
  const [first, last] = [revision('order', 1, 'superseded'), revision('order', 2, 'deployed')]
  api.put(`${secrets}/${first.metadata.name}`, first)
  api.put(`${secrets}/${last.metadata.name}`, { ...last, data })
  expect(await createReleases(api, 'shop').repair('order')).toBe(true)
  expect(api.changes).toEqual([`DELETE ${secrets}/${last.metadata.name}`])
})

it('finds the last complete revision with a mark', async () => {
  const api = createFakeApi(Date.now)
  const marked = (version: number, status: string, value: string) =>
    revision('order-blue', version, status, { 'shopctl.dev/revision': value })
  for (const each of [
    marked(3, 'superseded', 'a'),
    marked(12, 'superseded', 'a'),
    marked(13, 'failed', 'a'),
    marked(14, 'deployed', 'b'),
  ])
    api.put(`${secrets}/${each.metadata.name}`, each)
  const releases = createReleases(api, 'shop')
  expect(await releases.find('order-blue', 'revision', 'a')).toBe(12)
  expect(await releases.find('order-blue', 'revision', 'c')).toBeNull()
  expect(await releases.find('order-green', 'revision', 'a')).toBeNull()
})
