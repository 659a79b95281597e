import { describe, expect, it } from 'vitest'
import { type Line, mergeByOrder, parseLines } from '../audit/merge.ts'

async function* from<T>(...values: T[]): AsyncGenerator<T, void> {
  yield* values
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const value of values) all.push(value)
  return all
}

function line(orderId: string, fields: object = {}): Line {
  return { orderId, ...fields }
}

describe('mergeByOrder', () => {
  it('brings together what streams say of the same order, in order', async () => {
    const groups = mergeByOrder({
      left: from(line('a'), line('c')),
      right: from(line('b'), line('c', { n: 1 }), line('c', { n: 2 })),
    })
    expect(await collect(groups)).toEqual([
      { orderId: 'a', lines: { left: [line('a')], right: [] } },
      { orderId: 'b', lines: { left: [], right: [line('b')] } },
      {
        orderId: 'c',
        lines: { left: [line('c')], right: [line('c', { n: 1 }), line('c', { n: 2 })] },
      },
    ])
  })

  it('ends at once when nobody knows an order', async () => {
    expect(await collect(mergeByOrder({ left: from<Line>(), right: from<Line>() }))).toEqual([])
  })

  it('takes no more of a stream than it needs', async () => {
    let taken = 0
    async function* endless(): AsyncGenerator<Line, void> {
      for (;;) {
        taken += 1
        yield line(String(taken).padStart(9, '0'))
      }
    }
    const groups = mergeByOrder({ endless: endless() })
    for (let n = 0; n < 3; n++) await groups.next()
    expect(taken).toBeLessThanOrEqual(4)
  })
})

describe('parseLines', () => {
  it('reads one order a line', async () => {
    const lines = parseLines('x', from('{"orderId":"a","status":"sold"}', '', '{"orderId":"b"}'))
    expect(await collect(lines)).toEqual([line('a', { status: 'sold' }), line('b')])
  })

  it.each([
    ['cut off', '{"orderId":"a","st'],
    ['not an order', '{"id":"a"}'],
    ['null', 'null'],
  ])('refuses a line that is %s', async (_, text) => {
    await expect(collect(parseLines('stock', from(text)))).rejects.toThrow(/stock has a line/)
  })

  it('refuses a stream that is not sorted', async () => {
    const lines = parseLines('stock', from('{"orderId":"b"}', '{"orderId":"a"}'))
    await expect(collect(lines)).rejects.toThrow('stock is not sorted at a')
  })
})
