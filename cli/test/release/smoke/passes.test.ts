// What a smoke test that passed stands for, and what takes that back.
import { describe, expect, it } from 'vitest'
import { planRollback } from '../../../src/release/move/plan-rollback.ts'
import { planSwitch } from '../../../src/release/move/plan-switch.ts'
import type { Slot } from '../../../src/release/slot.ts'
import { wasSmoked } from '../../../src/release/state.ts'
import { createShop, names, type Shop } from '../../fakes/shop.ts'
import {
  aJournal,
  aMove,
  anOperation,
  aService,
  aSide,
  blue,
  bothSlots,
  named,
  waiting,
} from '../../fakes/state.ts'
import { outcomes, previewOf, type World } from '../../fakes/world.ts'

/** Blue serves, green waits in both. */
function bothWait(): Shop {
  return createShop({ initial: { order: waiting(), payment: waiting() } })
}

describe('a standby slot that somebody changed without shopctl', () => {
  const digest = `sha256:${'f'.repeat(64)}`
  const revision = 'ffffffffff'

  it.each<[string, (shop: Shop) => void]>([
    ['its image', ({ world }) => change(world, { digest })],
    ['its settings alone', ({ world }) => change(world, { template: 'other' })],
    [
      'its image and its revision',
      ({ world }) => {
        change(world, { digest, revision })
        const { preview } = world.state.services.order ?? {}
        if (preview) preview.target = { color: 'green', revision }
      },
    ],
  ])('goes live after a smoke test of what it is now only: %s', async (_, given) => {
    const shop = bothWait()
    await shop.smoke()
    given(shop)
    await expect(shop.switch()).rejects.toMatchObject({
      code: 'not-smoked',
      message:
        'No smoke test has passed for the slots that would be live: order, payment new, the other services as they are.',
    })
    await shop.smoke()
    await shop.switch()
    expect(shop.live('order')).toMatch(/^green/)
  })

  it('is no target of a rollback with another image', async () => {
    const shop = bothWait()
    await shop.smoke()
    await shop.switch()
    const slot = shop.world.state.services.order?.slots.blue
    Object.assign(slot ?? {}, { digest })
    await expect(shop.rollback()).rejects.toMatchObject({
      code: 'slot-gone',
      message: 'order blue with v-a no longer exists: somebody has changed its image.',
    })
  })
})

function change(world: World, to: Partial<Slot>): void {
  Object.assign(world.state.services.order?.slots.green ?? {}, to)
}

describe('a smoke test that does not pass', () => {
  const passed = ({ world }: Shop, chosen: readonly string[]): boolean =>
    wasSmoked(
      world.state,
      chosen.map((name) => named(name, bothSlots.green)),
    )

  it('revokes the pass of the same combination before, and no other', async () => {
    const shop = bothWait()
    const { world, smoke } = shop
    await smoke()
    await smoke({ services: ['order'] })
    world.programs.failing.add('order/smoke.ts')
    await expect(smoke({ services: ['order'] })).rejects.toMatchObject({ code: 'smoke-failed' })
    expect(passed(shop, ['order'])).toBe(false)
    expect(passed(shop, names)).toBe(true)
    await expect(smoke()).rejects.toMatchObject({ code: 'smoke-failed' })
    expect(passed(shop, names)).toBe(false)
    world.programs.failing.clear()
    await smoke()
    expect(passed(shop, names)).toBe(true)
  })

  it('since it was interrupted, revokes that pass as well', async () => {
    const shop = bothWait()
    await shop.smoke()
    const stop = new AbortController()
    const programs = {
      ...shop.world.programs,
      async script() {
        stop.abort()
        return { exitCode: 0, stdout: '', output: '' }
      },
    }
    await expect(shop.smoke({}, { programs, signal: stop.signal })).rejects.toMatchObject({
      code: 'interrupted',
    })
    expect(outcomes(shop.world)).toEqual(['op-1 done', 'op-2 interrupted'])
    expect(passed(shop, names)).toBe(false)
  })

  it('without its end, revokes that pass as well', async () => {
    const shop = bothWait()
    await shop.smoke()
    const journal = {
      ...shop.world.journal,
      async end() {
        throw new Error('killed')
      },
    }
    await shop.smoke({}, { journal })
    expect(passed(shop, names)).toBe(false)
    await expect(shop.switch()).rejects.toMatchObject({ code: 'not-smoked' })
    await shop.smoke()
    expect(outcomes(shop.world)).toEqual(['op-1 done', 'op-2 interrupted', 'op-3 done'])
    expect(passed(shop, names)).toBe(true)
  })

  it('since the lock was lost, stops its script and passes nothing', async () => {
    const shop = bothWait()
    const signals: AbortSignal[] = []
    const programs = {
      ...shop.world.programs,
      async script(_: string, __: object, signal: AbortSignal) {
        signals.push(signal)
        shop.world.lock.lose()
        return { exitCode: 0, stdout: '', output: '' }
      },
    }
    await expect(shop.smoke({}, { programs })).rejects.toMatchObject({ code: 'lock-lost' })
    expect(signals[0]?.aborted).toBe(true)
    expect(passed(shop, names)).toBe(false)
  })
})

describe('after a rollback, and a switch of another service', () => {
  const rolledBack = (): Shop => {
    const shop = createShop({
      initial: {
        order: aService(structuredClone(bothSlots), blue, blue),
        payment: aService(structuredClone(bothSlots), blue, blue),
      },
    })
    const back = { name: 'order', from: aSide('green', 'b'), to: aSide('blue', 'a') }
    shop.world.state.journal = aJournal({
      closed: [
        aMove('r-1', 'switch', ['order']),
        aMove('r-2', 'rollback', [], { services: [back] }),
        anOperation({ verb: 'hold-release', services: [{ ...back, from: null, to: back.from }] }),
        aMove('r-3', 'switch', [], { services: [{ ...back, name: 'payment' }] }),
      ],
    })
    return shop
  }
  const forward = { services: ['order'], color: null, skipSmoke: false }

  it('the hint of a switch forward again is true: that smoke test runs, and the switch passes', async () => {
    const { world, smoke } = rolledBack()
    expect(planSwitch(world.state, forward)).toMatchObject({
      code: 'not-smoked',
      hint: expect.stringContaining('shopctl smoke --service order'),
    })
    await smoke({ services: ['order'] })
    expect(planSwitch(world.state, forward)).toMatchObject({ kind: 'switch' })
    // Nothing but the test itself meant the slot that was rolled back from.
    expect(previewOf(world, 'order')).toEqual(blue)
    expect(planSwitch(world.state, { ...forward, services: null })).toMatchObject({
      code: 'nothing-deployed',
    })
    expect(planRollback(world.state, { services: ['order'], to: null })).toMatchObject({
      kind: 'refusal',
    })
  })
})
