// The published JSON Schemas, and what the commands really print.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { files } from '../../schemas/build.ts'
import {
  type HistoryContext,
  historyCommand,
  historyShowCommand,
} from '../../src/commands/history.ts'
import { lockByHand, unlockByHand } from '../../src/release/hand-lock.ts'
import { type Operation, operationSchema, operationsOf } from '../../src/release/record.ts'
import { aFullConfig, managementText } from '../fakes/config.ts'
import { anAlert } from '../fakes/metrics.ts'
import {
  createShop,
  failedOverWayBack,
  interruptedSwitch,
  releasedTwice,
  type Shop,
  withHookScripts,
} from '../fakes/shop.ts'
import { anOperation } from '../fakes/state.ts'

const folder = join(import.meta.dirname, '../../schemas')

function textOf(name: string): string {
  return readFileSync(join(folder, name), 'utf8')
}

it.each(files)('$name is up to date: `npm run schemas` writes it', ({ name, text }) => {
  expect(textOf(name)).toBe(text)
})

/** Other fields are allowed to come. Those of now have to be in the schema. */
function sealed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(sealed)
  if (typeof schema !== 'object' || schema === null) return schema
  const inner = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, sealed(value)]),
  )
  return 'properties' in schema ? { additionalProperties: false, ...inner } : inner
}

/** What is wrong with a document. */
function problems(name: string, document: unknown, seal = sealed): string[] {
  const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true })
  const validate = ajv.compile(seal(JSON.parse(textOf(name))) as object)
  // As a program reads it.
  validate(JSON.parse(JSON.stringify(document)))
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
}

function contextOf({ world }: Shop, gitops?: HistoryContext['cluster']): HistoryContext {
  const { progress } = world
  return { env: 'local', chosen: null, progress, cluster: gitops ?? (async () => world) }
}

const all = { limit: 20, verbs: null, outcomes: null }

/** payment is HTTP alone, so that its old slot was restarted. */
async function restarted(): Promise<Shop> {
  const config = aFullConfig((text) =>
    text.replace(`    smoke: payment/smoke.ts${managementText}`, ''),
  )
  const shop = createShop({ config })
  shop.world.faults.plain.add('payment')
  await shop.release()
  shop.commit('b')
  await shop.release()
  await shop.rollback({ reason: 'because' })
  await shop.cleanup()
  return shop
}

async function despiteAlerts(): Promise<Shop> {
  const shop = createShop()
  await shop.release()
  shop.commit('b')
  await shop.deploy()
  shop.world.metrics.alerts = [anAlert({ severity: 'critical' })]
  await shop.switch({ skipSmoke: true, despiteAlerts: true, reason: 'it is known' })
  return shop
}

async function locked(): Promise<Shop> {
  const shop = createShop()
  await lockByHand(shop.world, { reason: 'night' })
  await unlockByHand(shop.world, { reason: 'day' })
  return shop
}

async function frozen(): Promise<Shop> {
  const shop = createShop()
  const freezes = [{ from: '2025-12-24', to: '2026-01-04', reason: 'New Year' }]
  shop.config.environments.local?.freezes.push(...freezes)
  await shop.release({ overrideFreeze: true, reason: 'a leak' })
  return shop
}

async function hooked(): Promise<Shop> {
  const shop = withHookScripts(createShop())
  shop.world.programs.failing.add('hooks/post-switch.mjs')
  await shop.release()
  return shop
}

/** Written by an earlier version. */
async function old(): Promise<Shop> {
  const shop = createShop()
  const { phases: _, ...record } = anOperation({
    services: [{ name: 'order', from: null, to: null }],
  })
  const phases = [{ name: 'write', tookMs: 3 }]
  shop.world.state.journal.closed = [operationSchema.parse({ ...record, phases })]
  return shop
}

const worlds: [string, () => Promise<Shop>, (operations: Operation[]) => boolean][] = [
  ['nothing', async () => createShop(), (all) => all.length === 0],
  ['two releases', releasedTwice, (all) => all.some(({ combination }) => combination)],
  [
    'an interrupted switch',
    interruptedSwitch,
    (all) => all.some(({ outcome }) => outcome === null),
  ],
  ['a failed deploy', failedOverWayBack, (all) => all.some(({ error }) => error !== null)],
  [
    'a restart',
    restarted,
    (all) => all.some(({ services }) => services.some(({ proof }) => proof?.recycled)),
  ],
  ['a switch in spite of alerts', despiteAlerts, (all) => all.some(({ alerts }) => alerts)],
  ['a lock by hand', locked, (all) => all.some(({ verb }) => verb === 'unlock')],
  ['a freeze that was overridden', frozen, (all) => all.some(({ freeze }) => freeze)],
  ['hooks', hooked, (all) => all.some(({ hooks }) => hooks)],
  ['an old record', old, ([one]) => one?.phases[0]?.startedAt === undefined],
]

describe.each(worlds)('after %s', (_, make, has) => {
  it('the list is as its schema says', async () => {
    const shop = await make()
    const { document } = await historyCommand(contextOf(shop), all)
    expect(problems('history.json', document)).toEqual([])
    expect(has((document as { operations: Operation[] }).operations)).toBe(true)
  })

  it('each operation is as its schema says', async () => {
    const shop = await make()
    for (const { release, number } of operationsOf(shop.world.state.journal)) {
      const input = { id: release ?? `op-${number}` }
      const { document, text } = await historyShowCommand(contextOf(shop), input)
      expect(problems('history-show.json', document)).toEqual([])
      expect(text(80)).not.toMatch(/undefined|NaN|\[object/)
    }
  })
})

it('a list with changes by hand is as its schema says', async () => {
  const shop = await releasedTwice()
  const change = {
    ...{ commit: 'c0ffee', author: 'Jane <j@x.org>', date: '2026-01-01T13:00:00.000Z' },
    ...{ subject: 'Flip', changes: ['order blue → green'] },
  }
  const changesByHand = async () => [
    { ...change, services: ['order'] },
    { ...change, services: null },
  ]
  const gitops = { changesByHand } as unknown as Shop['world']['gitops']
  const context = contextOf(shop, async () => ({ ...shop.world, gitops }))
  const { document } = await historyCommand(context, all)
  expect(document).toMatchObject({ byHand: [{ services: ['order'] }, { services: null }] })
  expect(problems('history.json', document)).toEqual([])
})

describe('the schema of one operation', () => {
  const broken: [string, (operation: Record<string, unknown>) => void, RegExp][] = [
    ['without an operator', (operation) => delete operation.by, /required property 'by'/],
    ['with an outcome of its own', (operation) => (operation.outcome = 'perhaps'), /outcome must/],
    ['with a phase of no length', (operation) => (operation.phases = [{ name: 'x' }]), /tookMs/],
    [
      'with a time in numbers',
      (operation) => (operation.startedAt = 7),
      /startedAt must be string/,
    ],
  ]
  it.each(broken)('refuses one %s', async (_, change, expected) => {
    const { document } = await historyShowCommand(contextOf(await releasedTwice()), { id: 'r-2' })
    const changed = structuredClone(document) as { operation: Record<string, unknown> }
    change(changed.operation)
    expect(problems('history-show.json', changed).join()).toMatch(expected)
  })

  it('takes fields of later versions', async () => {
    const { document } = await historyShowCommand(contextOf(await releasedTwice()), { id: 'r-2' })
    const later = { ...document, watch: 'passed' }
    expect(problems('history-show.json', later, (schema) => schema)).toEqual([])
    expect(problems('history-show.json', later)).toHaveLength(1)
  })
})
