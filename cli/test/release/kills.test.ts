// Each verb is killed before, within and after each of its writes. Then a resume or a rollback, by another process, brings
// everything in order. The writes are counted, so that a new one is covered the day it is added.
import { describe, expect, it, vi } from 'vitest'
import { lockByHand, unlockByHand } from '../../src/release/hand-lock.ts'
import { heldDigests } from '../../src/release/hold/held.ts'
import { releaseHold } from '../../src/release/hold/release-hold.ts'
import { type MoveOperation, openMove } from '../../src/release/record.ts'
import { slotName } from '../../src/release/slot.ts'
import { verbs } from '../../src/release/verbs.ts'
import { usingSecret } from '../fakes/contents.ts'
import { brokenNow, brokenRecords, comeToRest, half, halves } from '../fakes/invariants.ts'
import {
  createShop,
  dyingDriver,
  dyingJournal,
  names,
  type Shop,
  withHookScripts,
} from '../fakes/shop.ts'
import type { Ports } from '../fakes/world.ts'
import { aRun, type Death, type Run, type When } from '../fakes/writes.ts'

// Each has hundreds of runs.
vi.setConfig({ testTimeout: 60_000 })

interface Scenario {
  /** Where it begins. */
  scene(): Promise<Shop>
  act(shop: Shop, ports?: Partial<Ports>): Promise<unknown>
  /** What was live before the switch that it goes on with. */
  before?: string
}

/** Nothing is there yet. Each slot has a copy of a Secret. */
function empty(): Shop {
  const shop = createShop()
  shop.world.charts.faults.order = usingSecret('order')
  return shop
}

/** Blue is live. */
async function released(): Promise<Shop> {
  const shop = empty()
  await shop.release()
  shop.commit('b')
  return shop
}

/** Green waits beside it. */
async function deployed(): Promise<Shop> {
  const shop = await released()
  await shop.deploy()
  return shop
}

/** Green has passed its test. */
async function smoked(): Promise<Shop> {
  const shop = await deployed()
  await shop.smoke()
  return shop
}

/** Green is live since r-2, and blue is kept. */
async function switched(): Promise<Shop> {
  const shop = await smoked()
  await shop.switch()
  return shop
}

/** The verb was killed after one of two Services. */
async function halfWay(shop: Shop, verb: 'switch' | 'rollback'): Promise<Shop> {
  const killed = { driver: dyingDriver(shop.world, 1), journal: dyingJournal(shop.world) }
  await shop[verb]({}, killed).catch(() => {})
  shop.world.lock.holder = null
  return shop
}

/** Its slots of r-1 are gone. */
async function cleaned(): Promise<Shop> {
  const shop = await switched()
  await shop.cleanup()
  return shop
}

async function lockedByHand(): Promise<Shop> {
  const shop = await deployed()
  await lockByHand(shop.world, { reason: 'a' })
  return shop
}

const scenarios: Record<string, Scenario> = {
  'first release': { scene: async () => empty(), act: (shop, ports) => shop.release({}, ports) },
  release: { scene: released, act: (shop, ports) => shop.release({}, ports) },
  'release with hooks': {
    scene: async () => withHookScripts(await released()),
    act: (shop, ports) => shop.release({}, ports),
  },
  deploy: { scene: released, act: (shop, ports) => shop.deploy({}, ports) },
  'deploy over the way back': {
    async scene() {
      const shop = await switched()
      shop.commit('c')
      return shop
    },
    act: (shop, ports) => shop.deploy({}, ports),
  },
  smoke: { scene: deployed, act: (shop, ports) => shop.smoke({}, ports) },
  'smoke of one': {
    scene: deployed,
    act: (shop, ports) => shop.smoke({ services: ['order'] }, ports),
  },
  switch: { scene: smoked, act: (shop, ports) => shop.switch({}, ports) },
  rollback: { scene: switched, act: (shop, ports) => shop.rollback({}, ports) },
  'rollback that deploys again': {
    scene: cleaned,
    act: (shop, ports) => shop.rollback({ to: 'r-1' }, ports),
  },
  cleanup: { scene: switched, act: (shop, ports) => shop.cleanup(null, ports) },
  'resume of a switch': {
    scene: async () => halfWay(await smoked(), 'switch'),
    act: (shop, ports) => shop.resume({}, ports),
    before: 'order blue 1a2b3c4d, payment blue 1a2b3c4d',
  },
  'resume of a rollback': {
    scene: async () => halfWay(await switched(), 'rollback'),
    act: (shop, ports) => shop.resume({}, ports),
  },
  'hold release': {
    async scene() {
      const shop = await switched()
      await shop.rollback()
      return shop
    },
    act: ({ world }, ports) => {
      const digests = heldDigests(world.state.journal).map(({ side }) => side.digest)
      return releaseHold({ ...world, ...ports }, { digests, reason: 'a' })
    },
  },
  lock: {
    scene: deployed,
    act: ({ world }, ports) => lockByHand({ ...world, ...ports }, { reason: 'a' }),
  },
  unlock: {
    scene: lockedByHand,
    act: ({ world }, ports) => unlockByHand({ ...world, ...ports }, { reason: 'b' }),
  },
}

async function runOf({ scene, act }: Scenario, death: Death | null): Promise<[Shop, Run]> {
  const shop = await scene()
  const run = aRun(shop.world, death, (title, what) => half(shop, title, what))
  await Promise.race([run.killed, act(shop, run.ports)]).catch(() => {})
  comeToRest(shop)
  return [shop, run]
}

function liveOf(shop: Shop): string {
  return names.map((name) => `${name} ${shop.live(name)}`).join(', ')
}

/** A refusal is one, and says what to do. */
async function tried(act: () => Promise<unknown>): Promise<string[]> {
  try {
    await act()
    return []
  } catch (error) {
    const { exitCode, message, hint } = error as {
      exitCode?: number
      message: string
      hint?: string
    }
    return exitCode === 2 && hint ? [] : [`failed: ${message}`]
  }
}

/** The next release is possible, and its rollback. */
async function brokenLater(shop: Shop): Promise<string[]> {
  const { world } = shop
  if (world.lock.byHand) await unlockByHand(world, { reason: 'c' })
  const before = liveOf(shop)
  shop.commit('e')
  const found = await tried(() => shop.release())
  const isNew = names.every((name) => shop.live(name)?.endsWith('eeeeeeee'))
  if (!isNew) found.push(`after a release: ${liveOf(shop)}`)
  const isFirst = names.some((name) => before.includes(`${name} null`))
  if (!isFirst) found.push(...(await tried(() => shop.rollback())))
  if (!isFirst && liveOf(shop) !== before) found.push(`after a rollback: ${liveOf(shop)}`)
  return [...found, ...(await brokenNow(shop)), ...brokenRecords(shop)]
}

/** Each slot that serves was written as a whole. */
function incomplete({ world }: Shop): string[] {
  return Object.entries(world.state.services).flatMap(([name, { stable }]) => {
    const release = stable?.target && slotName(name, stable.target.color)
    const isWhole = !release || world.driver.releases[release]?.finished === true
    return isWhole ? [] : [`${release} is live, and incomplete`]
  })
}

/** Without what is the same as before. */
function deathsOf(writes: readonly string[]): Death[] {
  return writes.flatMap((write, at) => {
    const whens: When[] = halves.includes(write)
      ? ['before', 'early', 'late', 'after']
      : ['before', 'after']
    return whens.map((when) => ({ at, when }))
  })
}

/** What each death of the verb leads to, by what is wrong in the end. */
async function wrong(
  scenario: Scenario,
  ending: (shop: Shop, wasOpen: MoveOperation | null) => Promise<string[]>,
): Promise<string[]> {
  const [, { writes, unknown }] = await runOf(scenario, null)
  const bad = [...unknown]
  for (const death of deathsOf(writes)) {
    const [shop, run] = await runOf(scenario, death)
    const found = [...run.unknown, ...(await brokenNow(shop))]
    const wasOpen = openMove(shop.world.state.journal)
    found.push(...(await ending(shop, wasOpen)), ...(await brokenNow(shop)))
    if (wasOpen) found.push(...brokenRecords(shop))
    if (found.length > 0)
      bad.push(`${death.when} ${death.at} ${writes[Number(death.at)]}: ${found.join('; ')}`)
  }
  return bad
}

it('every verb of the journal is among them', () => {
  const titles = Object.keys(scenarios).map((title) => title.replaceAll(' ', '-'))
  expect(verbs.filter((verb) => !titles.some((title) => title.startsWith(verb)))).toEqual([])
})

describe.each(Object.entries(scenarios))('a killed %s', (_, scenario) => {
  it('is finished by a resume, or by the same command', async () => {
    const [reference, { writes }] = await runOf(scenario, null)
    const done = liveOf(reference)
    expect(writes.length).toBeGreaterThan(3)
    const bad = await wrong(scenario, async (shop, wasOpen) => {
      const found = await tried(() => (wasOpen ? shop.resume() : scenario.act(shop)))
      const now = liveOf(shop)
      if (now !== done) found.push(`${now} instead of ${done}`)
      return [...found, ...incomplete(shop), ...(await brokenLater(shop))]
    })
    expect(bad).toEqual([])
  })

  it('is undone by a rollback, if it had moved something', async () => {
    const [reference] = await runOf(scenario, null)
    const [done, first] = [liveOf(reference), scenario.before ?? liveOf(await scenario.scene())]
    const bad = await wrong(scenario, async (shop, wasOpen) => {
      const found = await tried(() => shop.rollback())
      const expected = wasOpen?.verb === 'rollback' ? done : first
      if (wasOpen && liveOf(shop) !== expected) found.push(`${liveOf(shop)} instead of ${expected}`)
      return found
    })
    expect(bad).toEqual([])
  })
})
