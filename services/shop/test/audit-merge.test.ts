import { describe, expect, it } from 'vitest'
import { type Entry, mergeById, parseEntries } from '../audit/merge.ts'

async function* from<T>(...values: T[]): AsyncGenerator<T, void> {
  yield* values
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const value of values) all.push(value)
  return all
}

function entry(id: string, fields: object = {}): Entry {
  return { id, ...fields }
}

describe('mergeById', () => {
  it('merges the entries of the same order, by id', async () => {
    const groups = mergeById({
      left: from(entry('a'), entry('c')),
      right: from(entry('b'), entry('c', { n: 1 }), entry('c', { n: 2 })),
    })
    expect(await collect(groups)).toEqual([
      { id: 'a', entries: { left: [entry('a')], right: [] } },
      { id: 'b', entries: { left: [], right: [entry('b')] } },
      {
        id: 'c',
        entries: { left: [entry('c')], right: [entry('c', { n: 1 }), entry('c', { n: 2 })] },
      },
    ])
  })

  it('ends at once when there are no entries', async () => {
    expect(await collect(mergeById({ left: from<Entry>(), right: from<Entry>() }))).toEqual([])
  })

  it('reads no more of a stream than it needs', async () => {
    let taken = 0
    async function* endless(): AsyncGenerator<Entry, void> {
      for (;;) {
        taken += 1
        yield entry(String(taken).padStart(9, '0'))
      }
    }
    const groups = mergeById({ endless: endless() })
    for (let n = 0; n < 3; n++) await groups.next()
    expect(taken).toBeLessThanOrEqual(4)
  })
})

describe('parseEntries', () => {
  it('reads one entry per line', async () => {
    const entries = parseEntries('x', from('{"id":"a","status":"sold"}', '', '{"id":"b"}'))
    expect(await collect(entries)).toEqual([entry('a', { status: 'sold' }), entry('b')])
  })

  it.each([
    ['cut off', '{"id":"a","st'],
    ['without an id', '{"orderId":"a"}'],
    ['null', 'null'],
  ])('refuses a line that is %s', async (_, text) => {
    await expect(collect(parseEntries('stock', from(text)))).rejects.toThrow(/stock has a line/)
  })

  it('refuses a stream that is not sorted', async () => {
    const entries = parseEntries('stock', from('{"id":"b"}', '{"id":"a"}'))
    await expect(collect(entries)).rejects.toThrow('stock is not sorted at a')
  })
})
