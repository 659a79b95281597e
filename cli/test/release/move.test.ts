// What may go wrong around a move, a smoke test and a cleanup, against a world in memory.
import { describe, expect, it } from 'vitest'
import { failed } from '../../src/errors.ts'
import { cleanup } from '../../src/release/cleanup.ts'
import { type MovePorts, move } from '../../src/release/move.ts'
import { planCleanup, planSwitch } from '../../src/release/plan.ts'
import type { Cluster } from '../../src/release/ports.ts'
import { smoke } from '../../src/release/smoke.ts'
import { type ServiceState, wasSmoked } from '../../src/release/state.ts'
import {
  aSlot,
  createFakeClock,
  createFakeProgress,
  createWorld,
  serves,
  type World,
} from '../fakes/world.ts'

const names = ['order', 'payment']
const blue = { color: 'blue', revision: 'a' } as const
const green = { color: 'green', revision: 'b' } as const
const away = failed({ code: 'cluster-unreachable', message: 'no answer within 4 s' })

/** Blue serves, green waits. */
function readyToSwitch(): World {
  const service = (): ServiceState => ({
    slots: { blue: aSlot('blue', 'a'), green: aSlot('green', 'b') },
    stable: { target: blue, resourceVersion: '1' },
    preview: { target: green, resourceVersion: '1' },
  })
  return createWorld(names, { order: service(), payment: service() })
}

/** The ports of `world`, with parts of its cluster replaced. */
function portsOf(world: World, over: Partial<Cluster> = {}) {
  return {
    ...world,
    cluster: { ...world.cluster, ...over },
    progress: createFakeProgress(),
    clock: createFakeClock(),
    signal: new AbortController().signal,
  }
}

async function switchAll(world: World, ports: MovePorts) {
  const state = await world.cluster.read()
  const plan = planSwitch(state, { services: null, color: null, skipSmoke: true })
  if (plan.kind === 'refusal') throw new Error(plan.message)
  return move(ports, state, plan, { by: 'me@here', reason: null, timeoutMs: 2_000 })
}

function outcomes(world: World): string[] {
  return world.state.records.history.map(({ id, outcome }) => `${id} ${outcome}`)
}

describe('a switch that took over', () => {
  const troubles: [string, (world: World) => Partial<Cluster>][] = [
    [
      'the outgoing pods cannot be listed',
      (world) => ({
        async pods(service, target) {
          if (target.color === 'blue') throw away
          return world.cluster.pods(service, target)
        },
      }),
    ],
    [
      'a preview Service was changed by somebody else',
      (world) => ({
        async point(service, which, to, version) {
          if (which === 'preview') throw failed({ code: 'conflict', message: 'changed' })
          return world.cluster.point(service, which, to, version)
        },
      }),
    ],
  ]
  it.each(troubles)('stays where it is when %s', async (_, over) => {
    const world = readyToSwitch()
    const ports = portsOf(world, over(world))
    expect(await switchAll(world, ports)).toMatchObject({ release: 'r-1' })
    for (const name of names) expect(serves(world, name, green)).toBe(true)
    expect(outcomes(world)).toEqual(['r-1 done'])
    expect(ports.progress.lines.filter((line) => line.startsWith('!'))).not.toEqual([])
  })

  it('is recorded once when the answer to the record was lost', async () => {
    const world = readyToSwitch()
    let writes = 0
    const ports = portsOf(world, {
      async updateRecords(change) {
        const records = await world.cluster.updateRecords(change)
        writes += 1
        if (writes === 2) throw away
        return records
      },
    })
    expect(await switchAll(world, ports)).toMatchObject({ release: 'r-1' })
    expect(outcomes(world)).toEqual(['r-1 done'])
    for (const name of names) expect(serves(world, name, green)).toBe(true)
  })

  it('serves on when it cannot be recorded, and says so', async () => {
    const world = readyToSwitch()
    let writes = 0
    const ports = portsOf(world, {
      async updateRecords(change) {
        writes += 1
        if (writes > 1) throw away
        return world.cluster.updateRecords(change)
      },
    })
    await expect(switchAll(world, ports)).rejects.toMatchObject({ code: 'not-recorded' })
    for (const name of names) expect(serves(world, name, green)).toBe(true)
    expect(world.state.records.operation?.id).toBe('r-1')
  })
})

describe('a switch that lost its lock', () => {
  it('writes no Service', async () => {
    const world = readyToSwitch()
    const lost = new AbortController()
    const ports = portsOf(world, {
      async updateRecords(change) {
        const records = await world.cluster.updateRecords(change)
        lost.abort()
        return records
      },
    })
    await expect(switchAll(world, { ...ports, signal: lost.signal })).rejects.toThrow()
    expect(world.log).toEqual([])
    expect(outcomes(world)).toEqual(['r-1 undone'])
  })

  it('puts nothing back that somebody else dealt with meanwhile', async () => {
    const world = readyToSwitch()
    const lost = new AbortController()
    const ports = portsOf(world, {
      async awaitEndpoints() {
        world.state.records.operation = null
        world.state.records.history = []
        lost.abort()
        throw new Error('stopped')
      },
    })
    await expect(switchAll(world, { ...ports, signal: lost.signal })).rejects.toThrow('stopped')
    expect(world.log).toEqual(['point order stable green b', 'point payment stable green b'])
    expect(outcomes(world)).toEqual([])
  })
})

describe('a pod that is replaced while its slot takes over', () => {
  /** The pods of green are others from the second look on; the endpoints always were those. */
  const replaced = (world: World, service: string): Partial<Cluster> => {
    let looks = 0
    return {
      async pods(name, target) {
        if (name !== 'order' || target.color !== 'green') return world.cluster.pods(name, target)
        looks += 1
        return looks === 1 ? ['order-green-b-old'] : world.cluster.pods(name, target)
      },
      async awaitEndpoints(name, judge, options) {
        if (name !== service) return world.cluster.awaitEndpoints(name, judge, options)
        return judge(await world.cluster.pods('order', green))
      },
    }
  }

  it('does not make a switch late', async () => {
    const world = readyToSwitch()
    const ports = portsOf(world, replaced(world, 'order'))
    expect(await switchAll(world, ports)).toMatchObject({ release: 'r-1' })
  })

  it('does not fail a smoke test', async () => {
    const world = readyToSwitch()
    const ports = portsOf(world, replaced(world, 'order-preview'))
    const scripts = { order: 'order/smoke.ts' }
    const intent = { services: ['order'], namespace: 'shop', scripts, whole: null }
    expect(await smoke(ports, await world.cluster.read(), intent)).toMatchObject({
      services: [{ name: 'order' }],
    })
  })
})

describe('a smoke test that fails', () => {
  it('revokes the pass of the same combination before, and no other', async () => {
    const world = readyToSwitch()
    const scripts = { order: 'order/smoke.ts', payment: 'payment/smoke.ts' }
    const run = async (services: string[] | null) =>
      smoke(portsOf(world), await world.cluster.read(), {
        services,
        namespace: 'shop',
        scripts,
        whole: null,
      })
    const passed = (chosen: string[]): boolean =>
      wasSmoked(
        world.state,
        chosen.map((name) => ({ name, slot: aSlot('green', 'b') })),
      )
    await run(null)
    await run(['order'])
    world.faults.smoke.add('order/smoke.ts')
    await expect(run(['order'])).rejects.toMatchObject({ code: 'smoke-failed' })
    expect(passed(['order'])).toBe(false)
    expect(passed(names)).toBe(true)
    await expect(run(null)).rejects.toMatchObject({ code: 'smoke-failed' })
    expect(passed(names)).toBe(false)
    world.faults.smoke.clear()
    await run(null)
    expect(passed(names)).toBe(true)
  })
})

describe('a stale cleanup', () => {
  it('leaves a slot alone that was deployed meanwhile', async () => {
    const world = readyToSwitch()
    const state = await world.cluster.read()
    const plan = planCleanup(state, { services: ['order'] })
    if (plan.kind === 'refusal') throw new Error(plan.message)
    const order = world.state.services.order
    if (order) order.slots.green = aSlot('green', 'c')
    await expect(cleanup(portsOf(world), state, plan)).rejects.toMatchObject({ code: 'conflict' })
    expect(order?.slots.green?.revision).toBe('c')
  })
})
