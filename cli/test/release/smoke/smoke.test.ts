// The preview plane around a smoke test: it is exactly the combination that would serve, and afterwards as it was.
import { describe, expect, it } from 'vitest'
import type { PlaneReport, PodReport } from '../../../src/release/ports/cluster.ts'
import type { Driver } from '../../../src/release/ports/driver.ts'
import type { Target } from '../../../src/release/slot.ts'
import type { ServiceState } from '../../../src/release/state.ts'
import { createShop, type Shop } from '../../fakes/shop.ts'
import { aService, aSide, blue, bothSlots, green, waiting } from '../../fakes/state.ts'
import { outcomes, previewOf } from '../../fakes/world.ts'

function service(preview: Target | null): ServiceState {
  return aService(structuredClone(bothSlots), blue, preview)
}

/** Blue serves, green waits in both. */
function bothWait(): Shop {
  return createShop({ initial: { order: waiting(), payment: waiting() } })
}

function filesOf({ world }: Shop): string[] {
  return world.programs.scripts.map(({ file }) => file)
}

describe('a smoke test', () => {
  it('runs each script of its own, and then the one for all services together', async () => {
    const shop = bothWait()
    await shop.smoke()
    expect(filesOf(shop)).toEqual(['order/smoke.ts', 'payment/smoke.ts', 'smoke.ts'])
    expect(shop.world.progress.lines.at(-1)).toBe('smoke all services together')
    expect(shop.world.log).toEqual([])
    expect(shop.world.ways.size).toBe(0)
  })

  it('tells the scripts what they test', async () => {
    const shop = bothWait()
    await shop.smoke()
    expect(shop.world.programs.scripts[0]).toEqual({
      file: 'order/smoke.ts',
      env: {
        SHOPCTL_SERVICE: 'order',
        SHOPCTL_COLOR: 'green',
        SHOPCTL_VERSION: 'v-b',
        SHOPCTL_REVISION: 'b',
        SHOPCTL_PREVIEW_URL: 'http://127.0.0.1:1/order-preview',
        SHOPCTL_NAMESPACE: 'shop',
      },
    })
    expect(shop.world.programs.scripts.at(-1)).toEqual({
      file: 'smoke.ts',
      env: {
        SHOPCTL_PREVIEW_URLS: JSON.stringify({
          order: 'http://127.0.0.1:1/order-preview',
          payment: 'http://127.0.0.1:1/payment-preview',
        }),
        SHOPCTL_NAMESPACE: 'shop',
      },
    })
  })

  it('of one service meets the live slots of the others, and leaves who waits waiting', async () => {
    const shop = bothWait()
    const { combination } = await shop.smoke({ services: ['payment'] })
    expect(combination).toEqual({
      order: { revision: 'a', digest: 'sha256:a', template: 'a' },
      payment: { revision: 'b', digest: 'sha256:b', template: 'b' },
    })
    expect(filesOf(shop)).toEqual(['payment/smoke.ts', 'smoke.ts'])
    expect(shop.world.log).toEqual(['point order preview blue a', 'point order preview green b'])
  })

  it('is recorded with what was tested together', async () => {
    const shop = bothWait()
    const { combination } = await shop.smoke({ services: ['payment'], reason: 'look' })
    expect(shop.world.state.journal.closed).toMatchObject([
      {
        verb: 'smoke',
        release: null,
        outcome: 'done',
        reason: 'look',
        combination,
        services: [{ name: 'payment', from: aSide('blue', 'a'), to: aSide('green', 'b') }],
        phases: [{ name: 'each' }, { name: 'together' }],
      },
    ])
  })

  it('points previews back when a script fails, and shows what it said', async () => {
    const shop = bothWait()
    shop.world.programs.failing.add('smoke.ts')
    await expect(shop.smoke({ services: ['payment'] })).rejects.toMatchObject({
      code: 'smoke-failed',
      exitCode: 1,
      message: expect.stringMatching(/all services together \(smoke\.ts\).*1:\nexpected 200/),
    })
    expect(previewOf(shop.world, 'order')).toEqual(green)
    expect(outcomes(shop.world)).toEqual(['op-1 failed'])
    expect(shop.world.ways.size).toBe(0)
  })

  it('shows why it failed although previews cannot be pointed back', async () => {
    const shop = bothWait()
    const { world } = shop
    world.programs.failing.add('smoke.ts')
    const driver: Driver = {
      ...world.driver,
      async movePointers(moves, mover, signal) {
        if (moves.some(({ to }) => to?.color === 'green')) throw new Error('no answer')
        return world.driver.movePointers(moves, mover, signal)
      },
    }
    await expect(shop.smoke({ services: ['payment'] }, { driver })).rejects.toMatchObject({
      code: 'smoke-failed',
    })
    expect(world.progress.lines).toContain('! a preview Service was not pointed back: no answer')
    world.programs.failing.clear()
    await world.driver.movePointers(
      [
        {
          ...{ service: 'order', which: 'preview', to: green, release: null },
          resourceVersion: world.state.services.order?.preview?.resourceVersion ?? '',
        },
      ],
      'smoke',
      new AbortController().signal,
    )
    await expect(shop.smoke({ services: ['payment'] }, { driver })).rejects.toThrow('no answer')
  })

  it('gives a preview Service that leads nowhere the live slot for good', async () => {
    const shop = createShop({ initial: { order: service(null), payment: waiting() } })
    await shop.smoke({ services: ['payment'] })
    expect(previewOf(shop.world, 'order')).toEqual(blue)
  })

  it('leaves out the script for all while a service has no slot yet, and says so', async () => {
    const shop = createShop({ initial: { order: waiting() } })
    await shop.smoke({ services: ['order'] })
    expect(filesOf(shop)).toEqual(['order/smoke.ts'])
    expect(shop.world.progress.lines.join('\n')).toMatch(
      /! smoke\.ts was not run: payment has neither a live nor a tested slot/,
    )
  })

  it.each([
    ['order/smoke.ts', ':11:5: services.order.smoke: there is no script order/smoke.ts'],
    ['smoke.ts', ': there is no script smoke.ts'],
  ])('is refused before it begins when %s is not there', async (file, message) => {
    const shop = bothWait()
    delete shop.world.source.contents[file]
    const refusal = {
      code: 'script-missing',
      exitCode: 2,
      message: expect.stringContaining(message),
    }
    await expect(shop.smoke()).rejects.toMatchObject(refusal)
    expect(shop.world.programs.scripts).toEqual([])
    await expect(shop.release()).rejects.toMatchObject(refusal)
    expect(shop.world.engine.built).toEqual([])
  })

  it('begins only when the combination alone consumes the preview plane', async () => {
    const shop = bothWait()
    shop.world.faults.previewDeaf.add('order')
    await expect(shop.smoke({ services: ['payment'] })).rejects.toMatchObject({
      code: 'preview-not-taken-over',
      message: expect.stringMatching(/order blue .*order-blue-a-0 reports.*0 consumers/),
    })
    expect(shop.world.programs.scripts).toEqual([])
    expect(previewOf(shop.world, 'order')).toEqual(green)
  })

  /** `change` answers for a pod in the place of what it says. */
  const reporting = (
    { world }: Shop,
    change: (pod: string, report: PodReport) => PodReport | null,
  ) => ({
    pods: {
      ...world.pods,
      async report(name: string, pod: string) {
        const report = await world.pods.report(name, pod)
        return report && change(pod, report)
      },
    },
  })

  it('does not begin while the other slot still consumes', async () => {
    const shop = bothWait()
    const preview: PlaneReport = {
      ...{
        role: 'live',
        epoch: 1,
        consuming: true,
        consumers: 1,
        inFlight: 0,
        connections: 0,
        login: null,
      },
    }
    const still = reporting(shop, (pod, report) =>
      pod.startsWith('order-blue') ? { ...report, preview } : report,
    )
    await expect(shop.smoke({}, still)).rejects.toMatchObject({
      code: 'preview-not-taken-over',
      message: expect.stringContaining('order-blue-a-0, of another slot, still consumes it'),
    })
  })

  it('names pods that do not answer for their role', async () => {
    const shop = bothWait()
    const silent = reporting(shop, (pod, report) => (pod === 'order-green-b-1' ? null : report))
    await expect(shop.smoke({}, silent)).rejects.toThrow(
      /order-green-b-1 gives no valid answer on its path `management.role`/,
    )
  })

  it('waits for no consumer of a service without a preview plane', async () => {
    const shop = bothWait()
    await shop.smoke(
      {},
      reporting(shop, (_, report) => ({ ...report, preview: null })),
    )
    expect(outcomes(shop.world)).toEqual(['op-1 done'])
  })

  it('that fails when its Service does not lead to the slot is explained', async () => {
    const shop = bothWait()
    const pods = {
      ...shop.world.pods,
      async awaitEndpoints() {
        return null
      },
    }
    await expect(shop.smoke({}, { pods })).rejects.toMatchObject({ code: 'preview-not-there' })
  })
})
