// What people change in the config repo, as history shows it.
import { beforeEach, describe, expect, it } from 'vitest'
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
import { aWrite, held } from './scene.ts'
import { aChart, sharedChart } from './tree.ts'

let scene: ByHandScene
let tools: ByHandScene['tools']
let edit: ByHandScene['edit']

beforeEach(() => {
  scene = createByHandScene()
  ;({ tools, edit } = scene)
})

/** The file with another text in it. */
function edited(path: string, from: string, to: string): Record<string, string> {
  const text = String(scene.repo.head().files.get(path))
  expect(text).toContain(from)
  return { [path]: text.replace(from, to) }
}

async function changes(
  limit = 9,
  others: string[] = [],
  services: string[] | null = null,
): Promise<string[][]> {
  return (await tools.changesByHand({ limit, others, services })).map((each) => each.changes)
}

describe('what was changed by hand', () => {
  it('is named with its author, its time and what it changed, and nothing of shopctl is', async () => {
    await scene.switchAll()
    const commit = edit(greenSlot, digest, 'Hotfix \u001b[31mnow\n\nIt burns.\n')
    await scene.driver().writeSlots([aWrite('payment', 'blue', 'cccccccccc')], held)
    const [first, ...others] = await tools.changesByHand(all)
    expect(first).toEqual({
      ...{ commit, author: jane, subject: 'Hotfix now', changes: ['order-green: image'] },
      services: ['order'],
      date: scene.repo.at(commit).date,
    })
    // The commit that the scene begins with.
    expect(others).toMatchObject([{ subject: 'First', changes: [], services: null }])
  })

  it('is that of a service, with what may be of any', async () => {
    edit(services, (text) => text.replaceAll('color: blue', 'color: green'))
    edit(greenSlot, digest)
    edit('local/payment/green/values.yaml', digest)
    edit(services, (text) => text.replace('stable: http', 'stable: grpc'))
    edit('local/services/Chart.yaml', (text) => text.replaceAll(sharedChart.version, '9.9.9'))
    edit(greenSlot, (text) => text.replace('revision: ', 'revision: ['))
    edit(services, (text) => `tags: { web: true }\n${text}`)
    edit(services, (text) => text.replace('revision: ', 'revision: ['))
    const unreadable = (folder: string) => [
      expect.stringMatching(new RegExp(`^local/${folder}/values\\.yaml:\\d+:\\d+: `)),
    ]
    const shared = [['Services: tags'], ['Services: chart']]
    const flipped = ['order blue → green', 'payment blue → green']
    expect(await changes(9, [], ['order'])).toEqual([
      ...[unreadable('services'), shared[0], unreadable('order/green'), shared[1]],
      ...[['Services: order.shopctl.ports.stable'], ['order-green: image'], flipped, []],
    ])
    expect(await changes(5, [], ['payment'])).toEqual([
      ...[unreadable('services'), ...shared, ['payment-green: image'], flipped],
    ])
    expect((await tools.changesByHand(all)).map((each) => each.services)).toEqual([
      ...[null, null, ['order'], null, ['order'], ['payment'], ['order']],
      ...[['order', 'payment'], null],
    ])
  })

  it.each<[string, string, (text: string) => string, string[]]>([
    ['a color', services, flip, ['order blue → green']],
    [
      'a color and its revision',
      services,
      (text) =>
        text.replace(/color: blue\n( +)revision: a+/, 'color: green\n$1revision: bbbbbbbbbb'),
      ['order blue → green'],
    ],
    [
      'a revision',
      services,
      (text) => text.replace('revision: aaaaaaaaaa', 'revision: dddddddddd'),
      ['order blue: revision aaaaaaaaaa → dddddddddd'],
    ],
    [
      'settings',
      greenSlot,
      (text) => text.replace('replicas: 2', 'replicas: 3').replace('info', 'debug'),
      ['order-green: replicas, config.LEVEL'],
    ],
    [
      'what helm reads besides the values of the chart',
      greenSlot,
      (text) => `tags: { web: true }\nglobal: { zone: a }\n${text}`,
      ['order-green: tags, global'],
    ],
    [
      'another value',
      greenSlot,
      (text) => text.replace(/( +)replicas: 2/, '$&\n$1resources: { limits: { memory: 1Gi } }'),
      ['order-green: resources'],
    ],
    [
      'a chart where it is',
      `local/order/green/charts/${aChart.name}-${aChart.hash}/Chart.yaml`,
      (text) => `${text}description: mine\n`,
      ['order-green: chart'],
    ],
    [
      'the values of a Service',
      services,
      (text) => text.replace('stable: http', 'stable: grpc'),
      ['Services: order.shopctl.ports.stable'],
    ],
    [
      'the version of the chart of the Services',
      'local/services/Chart.yaml',
      (text) => text.replaceAll(sharedChart.version, '9.9.9'),
      ['Services: chart'],
    ],
    [
      'the chart of the Services where it is',
      `local/services/charts/${sharedChart.name}-${sharedChart.hash}/Chart.yaml`,
      (text) => `${text}description: mine\n`,
      ['Services: chart'],
    ],
    [
      'nonsense in the Services',
      services,
      (text) => text.replace('revision: ', 'revision: ['),
      [expect.stringMatching(/^local\/services\/values\.yaml:\d+:\d+: /)] as string[],
    ],
    ['a comment', greenSlot, (text) => `# Hello\n${text}`, []],
    [
      'a slot that is gone',
      'local/order/green/Chart.yaml',
      (text) => text.slice(0, text.indexOf('dependencies')),
      ['order-green: removed'],
    ],
    [
      'nonsense',
      greenSlot,
      (text) => text.replace('revision: ', 'revision: ['),
      [expect.stringMatching(/^local\/order\/green\/values\.yaml:\d+:\d+: /)] as string[],
    ],
  ])('is named in short: %s', async (_, path, change, expected) => {
    edit(path, change)
    expect((await changes())[0]).toEqual(expected)
  })

  it('is what corrects nonsense, and what else it changes', async () => {
    const broken = (text: string) => text.replace('revision: ', 'revision: [')
    const good = String(scene.repo.head().files.get(greenSlot))
    edit(greenSlot, broken)
    edit('local/payment/green/values.yaml', digest)
    const replicas = edited('local/payment/green/values.yaml', 'replicas: 2', 'replicas: 3')
    scene.repo.someone({ ...replicas, [greenSlot]: good })
    expect(await changes()).toMatchObject([
      ['order-green: corrected', 'payment-green: replicas'],
      ['payment-green: image'],
      [expect.stringMatching(/^local\/order\/green\/values\.yaml:/)],
      [],
    ])
  })

  it('is a revert of what shopctl wrote', async () => {
    await scene.switchAll()
    const { message, parent } = scene.repo.head()
    const before = String(scene.repo.at(parent ?? '').files.get(services))
    const [subject] = message.split('\n')
    scene.repo.someone({ [services]: before }, `Revert "${subject}"\n\nThis reverts it.\n`)
    expect((await changes())[0]).toEqual(['order green → blue', 'payment green → blue'])
  })

  it('is one of the latest of these and of others', async () => {
    const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, 12, 0, seconds)).toISOString()
    for (let count = 3; count < 6; count += 1)
      edit(greenSlot, (text) => text.replace(/replicas: \d/, `replicas: ${count}`))
    const dates = async (limit: number, others: string[]) =>
      (await tools.changesByHand({ ...all, limit, others })).map(({ date }) => date)
    expect(await dates(9, [])).toEqual([at(3), at(2), at(1), at(0)])
    expect(await dates(2, [])).toEqual([at(3), at(2)])
    expect(await dates(2, [at(9), at(1)])).toEqual([at(3)])
    expect(await dates(2, [at(9), at(8), at(7)])).toEqual([])
  })

  it('is looked for no further than needed, and never without end', async () => {
    const asked: number[] = []
    const { log } = scene.repo
    scene.repo.log = (commit, paths, limit) => {
      asked.push(limit)
      return log(commit, paths, limit)
    }
    for (let count = 0; count < 500; count += 1)
      scene.repo.someone({ [greenSlot]: `# ${count}\n` }, 'x\n\nShopctl-Operation: deploy\n')
    expect(await changes(20)).toEqual([])
    expect(asked).toEqual([21, 81, 321, 401])
    asked.length = 0
    expect(await changes(1_000_000)).toEqual([])
    expect(asked).toEqual([401])
    asked.length = 0
    const latest = scene.repo.head().date
    expect(await changes(1, [new Date(Date.parse(latest) + 1).toISOString()])).toEqual([])
    expect(asked).toEqual([2])
  })
})

it('the log is shown although a person has broken a file', async () => {
  edit(greenSlot, (text) => text.replace('revision: ', 'revision: ['))
  expect((await tools.log(1)).commits[0]).toMatchObject({ author: jane, note: null })
})
