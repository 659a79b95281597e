// The Secrets of Helm: what they record, and the repair of an incomplete release.
import { describe, expect, it } from 'vitest'
import { createReleases, recordedOf } from '../../../src/drivers/helm/releases.ts'
import { createFakeApi } from '../../fakes/kubernetes-api.ts'

const secrets = '/api/v1/namespaces/shop/secrets'

function revision(name: string, version: number, status: string, more: object = {}) {
  return {
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

  it('is found by its Secrets, and not by those of others nor by past revisions', async () => {
    const api = createFakeApi(Date.now)
    for (const each of [
      revision('order', 4, 'superseded'),
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
