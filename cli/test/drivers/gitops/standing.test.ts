// What stands in the config repo as a person has left it, as status shows it, and what Argo CD does with it.
import { beforeEach, describe, expect, it } from 'vitest'
import { failed } from '../../../src/errors.ts'
import {
  all,
  type ByHandScene,
  createByHandScene,
  digest,
  flip,
  greenSlot,
  jane,
  services,
} from './by-hand-scene.ts'
import { aWrite, green, held, type Scene, standing } from './scene.ts'

let scene: ByHandScene
let tools: ByHandScene['tools']
let edit: ByHandScene['edit']

beforeEach(() => {
  scene = createByHandScene()
  ;({ tools, edit } = scene)
})

describe('what stands as a person has left it', () => {
  it('is nothing after shopctl alone', async () => {
    await scene.switchAll()
    expect((await tools.status()).byHand).toEqual([])
  })

  it('is a digest and a color, each until shopctl changes it', async () => {
    const first = edit(greenSlot, digest)
    const second = edit(services, flip)
    await scene.argo.refresh('shop.local.services')
    scene.argo.settle()
    const [image, color] = [
      { change: 'order-green: image', commit: first, author: jane },
      { change: 'order blue → green', commit: second, author: jane },
    ]
    expect((await tools.status()).byHand).toEqual([color, image])
    await scene.driver().writeSlots([aWrite('order', 'green', 'dddddddddd')], held)
    expect((await tools.status()).byHand).toEqual([color])
  })

  it('is a value of a Service, until shopctl writes the values of that Service', async () => {
    const commit = edit(services, (text) => text.replaceAll('stable: http', 'stable: grpc'))
    const left = (service: string) => ({
      ...{ change: `Services: ${service}.shopctl.ports.stable`, commit, author: jane },
    })
    const byHand = async () => (await tools.status()).byHand
    expect(await byHand()).toEqual([left('order'), left('payment')])
    const shopctl = { system: 'shop', service: 'order', ports: { stable: 'http', preview: 8081 } }
    const shared = {
      ...{ name: 'order', chart: 'shop-service', valuesFiles: [] },
      ...{ marks: { rendered: '1' }, values: { shopctl } },
    }
    const write = aWrite('order', 'green', 'dddddddddd', { shared })
    await scene.driver().writeSlots([write], held)
    expect(await byHand()).toEqual([left('payment')])
  })

  it('is the last of two changes of the same', async () => {
    edit(greenSlot, digest)
    const commit = edit(greenSlot, (text) => text.replace('info', 'debug'))
    expect((await tools.status()).byHand).toEqual([
      { change: 'order-green: config.LEVEL', commit, author: jane },
    ])
  })

  it('is unknown if git does not answer', async () => {
    scene.repo.faults.fetch = failed({ code: 'git-unreachable', message: 'no answer' })
    expect((await tools.status()).byHand).toBeNull()
    await expect(tools.changesByHand(all)).rejects.toThrow('no answer')
  })
})

it('another number of pods in git changes nothing in the cluster, until shopctl deploys', async () => {
  edit(greenSlot, (text) => text.replace('replicas: 2', 'replicas: 7'))
  scene.argo.settle()
  expect(standing(scene, 'order-green')).toBe(`${green.revision} 2`)
  const values = { replicas: 3 }
  await scene.driver().writeSlots([aWrite('order', 'green', green.revision, { values })], held)
  expect(standing(scene, 'order-green')).toBe(`${green.revision} 3`)
  expect(String(scene.repo.head().files.get(greenSlot))).toContain('replicas: 3')
})

describe('the problems of Argo CD', () => {
  const init = '`shopctl gitops init` puts that right.'

  it.each<[string, (scene: Scene) => void, string[]]>([
    ['none', () => {}, []],
    [
      'two Applications that are missing',
      ({ argo }) => {
        argo.remove('shop.local.order-blue')
        argo.remove('shop.local.services')
      },
      [`Argo CD has no Application shop.local.services, shop.local.order-blue. ${init}`],
    ],
    [
      'one that follows another branch, and one that does not sync',
      ({ argo }) => {
        const source = { url: 'http://git/config.git', branch: 'next', path: 'local/services' }
        argo.edit('shop.local.services', { source })
        argo.edit('shop.local.order-green', {
          automatic: { sync: false, selfHeal: false, prune: false },
        })
      },
      [
        `The Application shop.local.services of Argo CD follows next, not main. ${init}`,
        `The Application shop.local.order-green of Argo CD does not sync by itself. ${init}`,
      ],
    ],
    [
      'an emergency',
      ({ argo }) => void argo.setAutomatic('shop.local.services', false, 'r-4'),
      [
        'shop.local.services does not sync: r-4 did without git. The next deploy or move ends that.',
      ],
    ],
  ])('are named: %s', async (_, given, expected) => {
    given(scene)
    expect((await tools.status()).problems).toEqual(expected)
  })
})
