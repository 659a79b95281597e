// The preview plane around a smoke test: it is exactly the combination that would serve, and afterwards as it was.
import { describe, expect, it } from 'vitest'
import { planSwitch } from '../../src/release/plan.ts'
import { planRollback } from '../../src/release/plan-rollback.ts'
import { smoke } from '../../src/release/smoke.ts'
import type { Release, ServiceState } from '../../src/release/state.ts'
import {
  aSlot,
  createFakeClock,
  createFakeProgress,
  createWorld,
  type World,
} from '../fakes/world.ts'

const blue = { color: 'blue', revision: 'a' } as const
const green = { color: 'green', revision: 'b' } as const

function service(preview: typeof blue | typeof green | null): ServiceState {
  return {
    slots: { blue: aSlot('blue', 'a'), green: aSlot('green', 'b') },
    stable: { target: blue, resourceVersion: '1' },
    preview: { target: preview, resourceVersion: '1' },
  }
}

/** Blue serves, green waits in both. */
function bothWait(): World {
  return createWorld(['order', 'payment'], { order: service(green), payment: service(green) })
}

async function run(
  world: World,
  services: string[] | null,
  over: { cluster?: Partial<World['cluster']>; whole?: string | null } = {},
) {
  const ports = {
    ...world,
    cluster: { ...world.cluster, ...over.cluster },
    progress: createFakeProgress(),
    clock: createFakeClock(),
    signal: new AbortController().signal,
  }
  const result = await smoke(ports, await world.cluster.read(), {
    services,
    namespace: 'shop',
    scripts: { order: 'order/smoke.ts', payment: 'payment/smoke.ts' },
    whole: over.whole === undefined ? 'smoke.ts' : over.whole,
  })
  return { ...result, lines: ports.progress.lines }
}

function previewOf(world: World, name: string) {
  return world.state.services[name]?.preview?.target
}

describe('a smoke test', () => {
  it('runs each script of its own, and then the one for all services together', async () => {
    const world = bothWait()
    const { lines } = await run(world, null)
    expect(world.scripts.map(({ file }) => file)).toEqual([
      'order/smoke.ts',
      'payment/smoke.ts',
      'smoke.ts',
    ])
    expect(lines.at(-1)).toBe('smoke all services together')
    expect(world.log).toEqual([])
  })

  it('of one service meets the live slots of the others, and leaves who waits waiting', async () => {
    const world = bothWait()
    const { combination } = await run(world, ['payment'])
    expect(combination).toEqual({
      order: { revision: 'a', digest: 'sha256:a' },
      payment: { revision: 'b', digest: 'sha256:b' },
    })
    expect(world.scripts.map(({ file }) => file)).toEqual(['payment/smoke.ts', 'smoke.ts'])
    expect(world.log).toEqual(['point order preview blue a', 'point order preview green b'])
  })

  it('points previews back when a script fails, and shows what it said', async () => {
    const world = bothWait()
    world.faults.smoke.add('smoke.ts')
    await expect(run(world, ['payment'])).rejects.toMatchObject({
      code: 'smoke-failed',
      exitCode: 1,
      message: expect.stringMatching(/all services together \(smoke\.ts\).*1:\nexpected 200/),
    })
    expect(previewOf(world, 'order')).toEqual(green)
    expect(world.state.records.smoked).toEqual([])
  })

  it('gives a preview Service that leads nowhere the live slot for good', async () => {
    const world = createWorld(['order', 'payment'], {
      order: service(null),
      payment: service(green),
    })
    await run(world, ['payment'])
    expect(previewOf(world, 'order')).toEqual(blue)
  })

  it('leaves out the script for all while a service has no slot yet, and says so', async () => {
    const world = createWorld(['order', 'payment'], { order: service(green) })
    const { lines } = await run(world, ['order'])
    expect(world.scripts.map(({ file }) => file)).toEqual(['order/smoke.ts'])
    expect(lines.join('\n')).toMatch(/! smoke\.ts was not run: payment has no slot/)
  })

  it('begins only when the combination alone consumes the preview plane', async () => {
    const world = bothWait()
    world.faults.previewDeaf.add('order')
    await expect(run(world, ['payment'])).rejects.toMatchObject({
      code: 'preview-not-taken-over',
      message: expect.stringMatching(/order blue .*order-blue-a-0 says.*0 consumers/),
    })
    expect(world.scripts).toEqual([])
    expect(previewOf(world, 'order')).toEqual(green)
  })

  it('does not begin while the other slot still consumes', async () => {
    const world = bothWait()
    const role = async (pod: string) => {
      const report = await world.cluster.role(pod)
      const still = { role: 'live' as const, epoch: 1, consuming: true, consumers: 1, inFlight: 0 }
      return report && pod.startsWith('order-blue') ? { ...report, preview: still } : report
    }
    await expect(run(world, null, { cluster: { role } })).rejects.toMatchObject({
      code: 'preview-not-taken-over',
      message: expect.stringContaining('order-blue-a-0, of another slot, still consumes it'),
    })
  })

  it('names pods that have no preview plane', async () => {
    const world = bothWait()
    const role = async (pod: string) => {
      const report = await world.cluster.role(pod)
      return report && { ...report, preview: null }
    }
    await expect(run(world, null, { cluster: { role } })).rejects.toThrow(
      /says nothing of a preview plane/,
    )
  })
})

describe('after a rollback, and a switch of another service', () => {
  const move = (name: string, from: typeof blue | typeof green, to: typeof from) => ({
    name,
    from: { ...aSlot(from.color, from.revision) },
    to: { ...aSlot(to.color, to.revision) },
  })
  const done = (id: string, verb: Release['verb'], services: Release['services']): Release => ({
    ...{ id, verb, services, at: '', by: 'me', reason: null, outcome: 'done' },
  })
  const world = (): World => {
    const made = createWorld(['order', 'payment'], { order: service(blue), payment: service(blue) })
    made.state.records.history = [
      done('r-1', 'switch', [move('order', blue, green)]),
      done('r-2', 'rollback', [move('order', green, blue)]),
      done('r-3', 'switch', [move('payment', green, blue)]),
    ]
    return made
  }
  const forward = { services: ['order'], color: null, skipSmoke: false }

  it('the hint of a switch forward again is true: that smoke test runs, and the switch passes', async () => {
    const made = world()
    expect(planSwitch(made.state, forward)).toMatchObject({
      code: 'not-smoked',
      hint: expect.stringContaining('shopctl smoke --service order'),
    })
    await run(made, ['order'])
    expect(planSwitch(made.state, forward)).toMatchObject({ kind: 'switch' })
    // Nothing but the test itself meant the slot that was rolled back from.
    expect(previewOf(made, 'order')).toEqual(blue)
    expect(planSwitch(made.state, { ...forward, services: null })).toMatchObject({
      code: 'nothing-deployed',
    })
    expect(planRollback(made.state, { services: ['order'], to: null })).toMatchObject({
      kind: 'refusal',
    })
  })
})
