// Random sequences of verbs in a world in memory, some of which are killed: what serves stays as it is.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { failed, ShopctlError } from '../../../src/errors.ts'
import type { SlotWrite } from '../../../src/release/ports/driver.ts'
import { slotName } from '../../../src/release/slot.ts'
import { liveColor } from '../../../src/release/state.ts'
import { createShop, dyingDriver, dyingJournal, names, type Shop } from '../../fakes/shop.ts'

type Step = [
  verb: 'deploy' | 'release' | 'switch' | 'rollback' | 'cleanup',
  change: { letter: string; chart: number; values: number },
  trouble: 'none' | 'killed' | 'unwritable' | 'not ready',
]

const step: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom('deploy', 'deploy', 'release', 'switch', 'rollback', 'cleanup'),
  fc.record({
    letter: fc.constantFrom('a', 'b', 'c'),
    chart: fc.integer({ min: 1, max: 2 }),
    values: fc.integer({ min: 1, max: 2 }),
  }),
  fc.constantFrom('none', 'none', 'none', 'killed', 'unwritable', 'not ready'),
)

function change({ world, commit }: Shop, { letter, chart, values }: Step[1]): void {
  commit(letter)
  world.source.contents['charts/app/Chart.yaml'] = `version: ${chart}`
  world.source.contents['charts/values/order.yaml'] = `edge: { nodePort: 3108${values} }`
}

async function take(shop: Shop, [verb, next, trouble]: Step): Promise<void> {
  const { world } = shop
  const { driver, faults } = world
  change(shop, next)
  const problem = failed({ code: 'helm-failed', message: 'no quota' })
  driver.failing = trouble === 'unwritable' ? { 'order-green': problem, payment: problem } : {}
  faults.rollout = trouble === 'not ready' ? { order: { pods: [], job: null } } : {}
  const killed = { driver: dyingDriver(world, 1), journal: dyingJournal(world) }
  const ports = trouble === 'killed' ? killed : {}
  const options = verb === 'switch' ? { skipSmoke: true } : {}
  const run = verb === 'cleanup' ? shop.cleanup(null, ports) : shop[verb](options, ports)
  await run.catch((error) => {
    if (!(error instanceof ShopctlError) && error.message !== 'killed') throw error
  })
}

function liveObjects({ world }: Shop): Record<string, unknown> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const service = world.state.services[name]
      const color = service ? liveColor(service) : null
      if (!service || !color) return []
      const { ready: _, ...slot } = service.slots[color] ?? {}
      return [[name, { slot, objects: world.driver.standing[slotName(name, color)] }]]
    }),
  )
}

/** Calls `check` after every deploy of a sequence, with what was live before, and what was written. */
async function afterEveryDeploy(
  check: (shop: Shop, before: Record<string, unknown>, writes: readonly SlotWrite[]) => void,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const shop = createShop()
      for (const each of steps) {
        const before = structuredClone(liveObjects(shop))
        const written = shop.world.driver.writes.length
        await take(shop, each)
        if (each[0] === 'deploy') check(shop, before, shop.world.driver.writes.slice(written))
      }
    }),
    { numRuns: 60 },
  )
}

it('no slot that a deploy writes is live', async () => {
  await afterEveryDeploy(({ world }, _, writes) => {
    for (const { service, color } of writes) {
      const now = world.state.services[service]
      expect(now && liveColor(now)).not.toBe(color)
    }
  })
})

it('no object of a slot that serves is changed by a deploy, nor is what serves', async () => {
  await afterEveryDeploy((shop, before) => {
    expect(liveObjects(shop)).toEqual(before)
  })
})

it('a deploy that is done leaves the slot as the tree wants it, and what both share as its charts say', async () => {
  await afterEveryDeploy(({ world }, _, writes) => {
    const last = world.state.journal.closed.at(-1)
    if (writes.length === 0 || last?.verb !== 'deploy' || last.outcome !== 'done') return
    const wanted = String(world.source.contents['charts/values/order.yaml'])
    const edge = (world.driver.standing.order ?? []).find(({ kind }) => kind === 'Service')?.spec
    if (writes.some(({ service }) => service === 'order'))
      expect(wanted).toContain(String((edge as { edge: { nodePort: number } }).edge.nodePort))
  })
})
