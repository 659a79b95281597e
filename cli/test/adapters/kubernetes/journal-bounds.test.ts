// How many records the journal keeps, and which ones.
import { describe, expect, it } from 'vitest'
import { beyondBounds } from '../../../src/adapters/kubernetes/journal.ts'
import type { Operation } from '../../../src/release/record.ts'
import { anOperation } from '../../fakes/state.ts'

function operation(number: number): Operation {
  return anOperation({ number })
}

function move(number: number): Operation {
  return anOperation({ number, verb: 'switch', release: `r-${number}` })
}

describe('what is too much', () => {
  const numbers = (names: string[]) => names.map((name) => Number(name.slice(-8)))
  const some = (count: number, from: number, make: (number: number) => Operation) =>
    Array.from({ length: count }, (_, index) => make(from + index))

  it('is nothing at a hundred moves and a hundred others', () => {
    const found = [...some(100, 1, operation), ...some(100, 101, move)]
    expect(beyondBounds(found)).toEqual([])
  })

  it('are the oldest of each kind: many deploys push no move out', () => {
    const found = [...some(3, 1, move), ...some(102, 4, operation)]
    expect(numbers(beyondBounds(found))).toEqual([4, 5])
    expect(numbers(beyondBounds(some(101, 1, move)))).toEqual([1])
  })

  it('is not the last deploy of a slot, until it is live the only record of it', () => {
    const side = (color: 'blue' | 'green') => ({ color, digest: 'd', version: 'v', revision: 'r' })
    const deploy = (number: number, name: string, color: 'blue' | 'green') =>
      anOperation({ number, verb: 'deploy', services: [{ name, from: null, to: side(color) }] })
    const first = [deploy(1, 'order', 'blue'), deploy(2, 'order', 'green')]
    const again = (number: number) => deploy(number, 'payment', 'green')
    const found = [...first, deploy(3, 'order', 'green'), ...some(120, 4, again)]
    expect(numbers(beyondBounds(found))).toEqual([
      2,
      ...Array.from({ length: 20 }, (_, n) => 4 + n),
    ])
  })

  it('are ends of holds no sooner than the moves before them: else the holds would come back', () => {
    const freed = (number: number) => anOperation({ number, verb: 'hold-release' })
    const found = [...some(1, 1, move), ...some(1, 2, freed), ...some(150, 3, operation)]
    expect(numbers(beyondBounds(found))).not.toContain(2)
    expect(numbers(beyondBounds([...found, ...some(99, 153, move)]))).toEqual(
      expect.arrayContaining([1]),
    )
    expect(numbers(beyondBounds([...found, ...some(99, 153, move)]))).not.toContain(2)
  })

  it('are the largest sums: others first, then moves, and never the latest twenty moves', () => {
    // 0.9 MB in UTF-8: ü has two bytes.
    const reason = 'ü'.repeat(450_000)
    const big = (make: (number: number) => Operation) => (number: number) => ({
      ...make(number),
      reason,
    })
    const moves = (count: number) => some(count, 1, big(move))
    expect(numbers(beyondBounds(moves(18)))).toEqual([])
    // 19 MB exceed 16 MiB, but a rollback needs these.
    expect(numbers(beyondBounds(moves(21)))).toEqual([1])
    const others = some(10, 101, big(operation))
    expect(numbers(beyondBounds([...moves(10), ...others]))).toEqual([101, 102])
    expect(numbers(beyondBounds([...moves(25), ...others]))).toEqual([
      ...[101, 102, 103, 104, 105, 106, 107, 108, 109, 110],
      ...[1, 2, 3, 4, 5],
    ])
  })
})
