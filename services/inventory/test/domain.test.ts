import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isOpen, type Line, merge, reserve } from '../domain.ts'

const stock = [
  { sku: 'mug', available: 5, price: 1200, currency: 'EUR' },
  { sku: 'rare', available: 1, price: 9900, currency: 'EUR' },
]

describe('reserve', () => {
  it.each([
    [
      'enough of all',
      [
        { sku: 'mug', quantity: 5 },
        { sku: 'rare', quantity: 1 },
      ],
      { kind: 'reserved', amount: { value: 15_900, currency: 'EUR' } },
    ],
    [
      'too little of one',
      [
        { sku: 'mug', quantity: 1 },
        { sku: 'rare', quantity: 2 },
      ],
      { kind: 'rejected', reason: 'insufficient-stock', sku: 'rare' },
    ],
    [
      'an unknown SKU',
      [{ sku: 'nope', quantity: 1 }],
      { kind: 'rejected', reason: 'unknown-sku', sku: 'nope' },
    ],
  ])('given %s', (_name, lines, expected) => {
    expect(reserve(lines, stock)).toEqual(expected)
  })
})

describe('merge', () => {
  it('adds up repeated SKUs, so that two halves cannot both pass the check', () => {
    const lines = merge([
      { sku: 'rare', quantity: 1 },
      { sku: 'mug', quantity: 2 },
      { sku: 'rare', quantity: 1 },
    ])
    expect(lines).toEqual([
      { sku: 'mug', quantity: 2 },
      { sku: 'rare', quantity: 2 },
    ])
    expect(reserve(lines, stock)).toMatchObject({ kind: 'rejected', sku: 'rare' })
  })

  it('keeps the number of pieces and sorts the SKUs', () => {
    const line = fc.record({ sku: fc.constantFrom('a', 'b', 'c'), quantity: fc.nat(100) })
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const merged = merge(lines)
        const pieces = (all: Line[]) => all.reduce((sum, { quantity }) => sum + quantity, 0)
        const skus = merged.map(({ sku }) => sku)
        expect(pieces(merged)).toBe(pieces(lines))
        expect(skus).toEqual([...new Set(skus)].sort())
      }),
    )
  })
})

describe('isOpen', () => {
  it.each([
    ['reserved', true],
    ['released', false],
    ['rejected', false],
    ['sold', false],
  ] as const)('given %s: %s', (status, open) => {
    expect(isOpen(status)).toBe(open)
  })
})
