// Decides which requests customers send. The same seed gives the same sequence of orders.
export type Outcome = 'confirmed' | 'rejected' | 'cancelled'

/** An order that a customer wants, with its idempotency key. */
export interface Placement {
  key: string
  body: string
  expected: Outcome
}

export type Kind = 'order' | 'repeat' | 'conflict'

/** The next request: a new order, an earlier request again, or another body with an earlier key. */
export interface Step {
  kind: Kind
  placement: Placement
  /** `placement.body`, or another body in a conflict. */
  body: string
}

/** Earlier placements that may be repeated. The newest are last. */
export interface Earlier {
  /** All that were sent, even if not answered. */
  sent: readonly Placement[]
  /** Those that were answered 202, so that their key is certainly in use. */
  accepted: readonly Placement[]
}

interface Line {
  sku: string
  quantity: number
}

/** Random numbers from 0 (inclusive) to 1 (exclusive), by mulberry32. */
export function createRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Percentages of the requests. All others are orders of one line that are confirmed. */
const shares = { conflict: 2, repeat: 6, declined: 7, unknown: 6, lines: 14 }
const skus = ['mug', 'tee', 'cap'] as const
/** Only the latest requests are repeated. */
const memory = 40

/** `run` makes the keys unique, so that the same sequence can run again in the same shop. */
export function createMix({ seed, run }: { seed: number; run: string }) {
  const random = createRandom(seed)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const line = (): Line => ({ sku: pick(skus), quantity: random() < 0.8 ? 1 : 2 })
  let count = 0

  const place = (expected: Outcome, items: Line[], token = 'tok_ok'): Step => {
    count += 1
    const customer = { email: `load-${count}@example.com` }
    const body = JSON.stringify({ items, customer, payment: { token } })
    const placement = { key: `load-${seed}-${run}-${count}`, body, expected }
    return { kind: 'order', placement, body }
  }

  const conflict = (placement: Placement): Step => {
    const { items, ...rest } = JSON.parse(placement.body) as { items: Line[] }
    const other = [...items, { sku: 'cap', quantity: 3 }]
    return { kind: 'conflict', placement, body: JSON.stringify({ items: other, ...rest }) }
  }

  return {
    next({ sent, accepted }: Earlier): Step {
      // Draw all numbers of a step, even if not used, so that the answers of the shop do not change the sequence.
      const [draw, which, lines] = [random() * 100, random(), [line(), line(), line()]]
      const [first] = lines as [Line, Line, Line]
      const recent = (list: readonly Placement[]): Placement | undefined =>
        list.at(-1 - Math.floor(which * Math.min(memory, list.length)))
      let limit = shares.conflict
      const known = recent(accepted)
      if (draw < limit && known) return conflict(known)
      limit += shares.repeat
      const earlier = recent(sent)
      if (draw < limit && earlier) return { kind: 'repeat', placement: earlier, body: earlier.body }
      limit += shares.declined
      if (draw < limit) return place('cancelled', [first], 'tok_declined')
      limit += shares.unknown
      // One line is in stock, but the other is unknown, so the order is rejected.
      if (draw < limit) return place('rejected', [first, { sku: 'no-such-sku', quantity: 1 }])
      limit += shares.lines
      if (draw < limit) return place('confirmed', lines)
      return place('confirmed', [first])
    },
  }
}
