import { describe, expect, it } from 'vitest'
import { createMix, createRandom, type Placement, type Step } from '../load/mix.ts'

function draw(seed: number, count: number, run = 'a'): Step[] {
  const mix = createMix({ seed, run })
  const sent: Placement[] = []
  return Array.from({ length: count }, () => {
    const step = mix.next({ sent, accepted: sent })
    if (step.kind === 'order') sent.push(step.placement)
    return step
  })
}

describe('createMix', () => {
  it('draws the same orders from the same seed, with other keys', () => {
    const bodies = (steps: Step[]) => steps.map(({ kind, body }) => [kind, body])
    expect(bodies(draw(7, 300))).toEqual(bodies(draw(7, 300, 'b')))
    expect(bodies(draw(7, 300))).not.toEqual(bodies(draw(8, 300)))
    const keys = (run: string) => new Set(draw(7, 300, run).map(({ placement }) => placement.key))
    expect([...keys('a')].filter((key) => keys('b').has(key))).toEqual([])
  })

  it('draws the same orders whatever the answers are', () => {
    const mix = createMix({ seed: 7, run: 'a' })
    const nothing = Array.from({ length: 300 }, () => mix.next({ sent: [], accepted: [] }))
    const drawn = draw(7, 300)
    nothing.forEach((step, n) => {
      if (drawn[n]?.kind === 'order')
        expect(JSON.parse(step.body).items).toEqual(JSON.parse(drawn[n].body).items)
    })
  })

  it('has all kinds, most of which are confirmed', () => {
    const steps = draw(1, 2_000)
    const count = (of: (step: Step) => boolean): number => steps.filter(of).length
    const orders = (expected: string) =>
      count(({ kind, placement }) => kind === 'order' && placement.expected === expected)
    expect(orders('confirmed')).toBeGreaterThan(1_400)
    expect(orders('rejected')).toBeGreaterThan(60)
    expect(orders('cancelled')).toBeGreaterThan(60)
    expect(count(({ kind }) => kind === 'repeat')).toBeGreaterThan(60)
    expect(count(({ kind }) => kind === 'conflict')).toBeGreaterThan(10)
    expect(count(({ body }) => JSON.parse(body).items.length === 3)).toBeGreaterThan(150)
  })

  it('expects the outcome that follows from the request', () => {
    for (const { kind, placement } of draw(3, 500)) {
      if (kind !== 'order') continue
      const { items, payment } = JSON.parse(placement.body)
      const unknown = items.some(({ sku }: { sku: string }) => sku === 'no-such-sku')
      const declined = payment.token === 'tok_declined'
      expect(placement.expected).toBe(unknown ? 'rejected' : declined ? 'cancelled' : 'confirmed')
    }
  })

  it('repeats the same bytes, and conflicts with another body and the same key', () => {
    for (const { kind, placement, body } of draw(3, 500)) {
      if (kind === 'conflict') expect(JSON.parse(body)).not.toEqual(JSON.parse(placement.body))
      else expect(body).toBe(placement.body)
    }
  })
})

describe('createRandom', () => {
  it('is even', () => {
    const random = createRandom(42)
    const tenths = new Array<number>(10).fill(0)
    for (let n = 0; n < 10_000; n++) {
      const tenth = Math.floor(random() * 10)
      tenths[tenth] = (tenths[tenth] ?? 0) + 1
    }
    for (const count of tenths) expect(Math.abs(count - 1_000)).toBeLessThan(120)
  })
})
