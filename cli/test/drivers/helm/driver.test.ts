// In which order the helm driver writes, and what one failure does to the rest.
import { beforeEach, describe, expect, it } from 'vitest'
import type { Scaling } from '../../../src/adapters/kubernetes/scaling.ts'
import type { SlotObjects } from '../../../src/adapters/kubernetes/slots.ts'
import { createCharts, createHelmDriver } from '../../../src/drivers/helm/driver.ts'
import type { Helm } from '../../../src/drivers/helm/helm.ts'
import type { Releases } from '../../../src/drivers/helm/releases.ts'
import { failed } from '../../../src/errors.ts'
import type { Color } from '../../../src/release/slot.ts'

/** Everything that was done, in order. */
let done: string[]
let notes: string[]
/** Steps that fail, as `done` names them. */
let broken: string[]
/** Releases that are incomplete. */
let incomplete: string[]
/** Marks of earlier revisions. */
let known: string[]
/** Slots that another release holds. */
let foreign: string[]
/** Runs when a step is done. */
let after: Record<string, () => void>
const { signal } = new AbortController()

beforeEach(() => {
  done = []
  notes = []
  broken = []
  incomplete = []
  foreign = []
  known = []
  after = {}
})

async function step(name: string): Promise<void> {
  done.push(name)
  after[name]?.()
  if (broken.includes(name)) throw failed({ code: 'broken', message: name })
}

const helm: Helm = {
  template: async () => '',
  upgrade: ({ name }, { wait, adopt }) =>
    step(`upgrade ${name}${wait ? ' wait' : ''}${adopt ? ' adopt' : ''}`),
  uninstall: (name) => step(`uninstall ${name}`),
  rollback: (name, version) => step(`rollback ${name} ${version}`),
}
const releases: Releases = {
  recorded: async () => ({}),
  async repair(name) {
    if (!incomplete.includes(name)) return false
    await step(`repair ${name}`)
    return true
  },
  find: async (name, mark, value) => (known.includes(`${name} ${mark} ${value}`) ? 7 : null),
}
const objects: SlotObjects = {
  async point({ service, resourceVersion }) {
    await step(`point ${service}`)
    return `${resourceVersion}+1`
  },
  belongsElsewhere: async (service, color) => foreign.includes(`${service}-${color}`),
  deleteJob: (service, color) => step(`delete job ${service}-${color}`),
  checkRevision: (service, { color, revision }) => step(`check ${service}-${color} ${revision}`),
  deleteRest: (service, { color, revision }) => step(`delete ${service}-${color} ${revision}`),
  restart: (service, color) => step(`restart ${service}-${color}`),
}

const scaling: Omit<Scaling, 'reset'> = {
  afterWrite: ({ service, color, atLeast }) => step(`${service}-${color} at least ${atLeast}`),
  scale: ({ service, color, replicas }) => step(`scale ${service}-${color} ${replicas}`),
}

function driver() {
  const progress = {
    step: async () => {
      throw new Error('no steps here')
    },
    note: (line: string) => void notes.push(line),
    warn: () => {},
  }
  return createHelmDriver({ helm, releases, objects, scaling, progress })
}

function slot(service: string, color: Color, withShared = false) {
  const chart = { chart: 'c', valuesFiles: [], values: {}, marks: {} }
  const shared = withShared ? { ...chart, name: service } : null
  return {
    ...chart,
    name: `${service}-${color}`,
    service,
    color,
    shared,
    atLeast: 2,
    declared: null,
  }
}

function outcomes(results: readonly PromiseSettledResult<unknown>[]) {
  return results.map((each) => (each.status === 'fulfilled' ? each.value : each.reason.code))
}

describe('writing a slot', () => {
  const raised = 'order-green at least 2'

  it('is one upgrade, after the Job of an earlier deploy is deleted', async () => {
    await driver().writeSlots([slot('order', 'green')], signal)
    expect(done).toEqual(['delete job order-green', 'upgrade order-green', raised])
    expect(notes).toEqual([])
  })

  it('repairs incomplete releases, then writes the shared release, then the slot', async () => {
    incomplete = ['order', 'order-green']
    await driver().writeSlots([slot('order', 'green', true)], signal)
    expect(done.slice(0, 2).sort()).toEqual(['repair order', 'repair order-green'])
    expect(done.slice(2)).toEqual([
      'delete job order-green',
      'upgrade order',
      'upgrade order-green',
      raised,
    ])
    expect(notes).toHaveLength(2)
    expect(notes.join()).toContain('order-green')
  })

  it('does not repair what it does not write', async () => {
    incomplete = ['order', 'order-blue', 'payment']
    await driver().writeSlots([slot('order', 'green')], signal)
    expect(done).toEqual(['delete job order-green', 'upgrade order-green', raised])
  })

  it('takes over a slot of another release, and what the slots share never', async () => {
    foreign = ['order-green']
    await driver().writeSlots([slot('order', 'green', true), slot('payment', 'blue')], signal)
    expect(done.filter((each) => each.startsWith('upgrade')).sort()).toEqual([
      'upgrade order',
      'upgrade order-green adopt',
      'upgrade payment-blue',
    ])
  })

  it('goes on with the others when one fails', async () => {
    broken = ['upgrade order-green', 'delete job payment-green']
    const slots = ['order', 'payment', 'inventory'].map((name) => slot(name, 'green'))
    const results = await driver().writeSlots(slots, signal)
    expect(outcomes(results)).toEqual(['broken', 'broken', undefined])
    expect(done).toContain('upgrade inventory-green')
    expect(done).not.toContain('upgrade payment-green')
  })

  it('leaves the slot when what the slots share could not be written', async () => {
    broken = ['upgrade order']
    const results = await driver().writeSlots([slot('order', 'green', true)], signal)
    expect(outcomes(results)).toEqual(['broken'])
    expect(done.at(-1)).toBe('upgrade order')
  })

  it('stops between the two when the command is stopped', async () => {
    const stop = new AbortController()
    after = { 'upgrade order': () => stop.abort() }
    const results = await driver().writeSlots([slot('order', 'green', true)], stop.signal)
    expect(outcomes(results)).toEqual(['interrupted'])
    expect(done.at(-1)).toBe('upgrade order')
  })
})

describe('removing a slot', () => {
  const green = { color: 'green', revision: 'b' } as const

  it('checks that it is the one that was meant, uninstalls it, and deletes what is left', async () => {
    await driver().removeSlots([{ service: 'order', slot: green }], signal)
    expect(done).toEqual(['check order-green b', 'uninstall order-green', 'delete order-green b'])
  })

  it('keeps one that was deployed again, and removes the others', async () => {
    broken = ['check order-green b']
    const slots = ['order', 'payment'].map((service) => ({ service, slot: green }))
    expect(outcomes(await driver().removeSlots(slots, signal))).toEqual(['broken', undefined])
    expect(done).not.toContain('uninstall order-green')
    expect(done).toContain('delete payment-green b')
  })

  it('lets helm uninstall an incomplete release: after a repair it would leave the objects', async () => {
    incomplete = ['order-green']
    await driver().removeSlots([{ service: 'order', slot: green }], signal)
    expect(done).not.toContain('repair order-green')
  })

  it('deletes no rest when helm failed', async () => {
    broken = ['uninstall order-green']
    const results = await driver().removeSlots([{ service: 'order', slot: green }], signal)
    expect(outcomes(results)).toEqual(['broken'])
    expect(done.at(-1)).toBe('uninstall order-green')
  })
})

describe('putting back what stood in a slot', () => {
  const blue = { color: 'blue', revision: 'a' } as const
  const slots = [{ service: 'order', slot: blue, atLeast: 4, declared: 2 }]

  it('is a rollback of its release, after a repair and without the Job of the deploy, with as many pods as serve', async () => {
    incomplete = ['order-blue']
    known = ['order-blue revision a']
    expect(outcomes(await driver().putBack(slots, signal))).toEqual([true])
    expect(done).toEqual([
      'repair order-blue',
      'delete job order-blue',
      'rollback order-blue 7',
      'order-blue at least 4',
    ])
  })

  it('changes nothing where Helm does not know it any more', async () => {
    known = ['order-blue revision b', 'order-green revision a']
    expect(outcomes(await driver().putBack(slots, signal))).toEqual([false])
    expect(done).toEqual([])
  })
})

const moves = ['order', 'payment'].map((service) => ({
  ...{ service, which: 'stable' as const, to: null },
  ...{ resourceVersion: '7', release: null },
}))

it('writes all pointers that it confirms, although one is a conflict, and says so', async () => {
  expect(await driver().confirm([], signal)).toBe(false)
  expect(await driver().confirm(moves, signal)).toBe(true)
  broken = ['point order']
  await expect(driver().confirm(moves, signal)).rejects.toMatchObject({ code: 'broken' })
  const both = ['point order', 'point payment']
  expect(done).toEqual([...both, ...both])
})

it('moves all pointers although one is a conflict, and gives their new versions', async () => {
  broken = ['point order']
  expect(outcomes(await driver().movePointers(moves, 'switch', signal))).toEqual(['broken', '7+1'])
})

it('installs a dependency in whatever state it is, waits for it, and takes nothing over', async () => {
  incomplete = ['postgres']
  const chart = { name: 'postgres', chart: 'c', valuesFiles: [], values: {}, marks: {} }
  await driver().install(chart, signal)
  expect(done).toEqual(['repair postgres', 'upgrade postgres wait'])
})

describe('rendered charts', () => {
  function render(text: string) {
    const charts = createCharts({ template: async () => text }, { namespace: 'shop', root: '/' })
    return charts.render({ name: 'order-green', chart: 'c', valuesFiles: [], values: {} })
  }
  const named = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\n`

  it('are the objects of all documents, hooks among them', async () => {
    const hook = `${named('b')}  annotations: { helm.sh/hook: pre-upgrade }\n`.replace(
      'metadata: { name: b }',
      'metadata:\n  name: b',
    )
    const objects = await render(`---\n# Source: a\n${named('a')}---\n---\n${hook}`)
    expect(objects.map(({ metadata }) => metadata.name)).toEqual(['a', 'b'])
  })

  it('are none where the chart makes nothing', async () => {
    expect(await render('')).toEqual([])
    expect(await render('# nothing\n---\n')).toEqual([])
  })

  it('are those in a list, too, however deep: helm applies them one by one', async () => {
    const list = { apiVersion: 'v1', kind: 'List', items: [{ kind: 'Service', metadata: {} }] }
    const objects = await render(
      `${named('a')}---\n${JSON.stringify({ ...list, items: [list, ...list.items] })}`,
    )
    expect(objects.map(({ kind }) => kind)).toEqual(['ConfigMap', 'Service', 'Service'])
  })

  it('name a namespace only when it is another one', async () => {
    const within = (namespace: string) =>
      `---\n${named('a').replace('name: a', `name: a, namespace: ${namespace}`)}`
    const objects = await render(within('shop') + within('other'))
    expect(objects.map(({ metadata }) => metadata)).toEqual([
      { name: 'a' },
      { name: 'a', namespace: 'other' },
    ])
  })

  it('are read as helm reads them: octal modes, the last of two keys', async () => {
    const [object] = await render(`${named('a')}mode: 0644\nmode: 0755\n`)
    expect(object).toMatchObject({ mode: 0o755 })
  })
})
