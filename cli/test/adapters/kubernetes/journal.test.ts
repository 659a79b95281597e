// The journal in ConfigMaps: damaged ones, conflicts, and how room is made.
import { beforeEach, describe, expect, it } from 'vitest'
import { createJournal, journalOf } from '../../../src/adapters/kubernetes/journal.ts'
import { emptyJournal, type Operation } from '../../../src/release/record.ts'
import { createFakeApi, type FakeApi } from '../../fakes/kubernetes-api.ts'

const maps = '/api/v1/namespaces/shop/configmaps'

function operation(number: number, more: Partial<Operation> = {}): Operation {
  return {
    ...{ version: 1, number, release: null, verb: 'deploy', by: 'me@here', run: null },
    ...{ startedAt: '2026-01-01T12:00:00.000Z', endedAt: '2026-01-01T12:01:00.000Z' },
    ...{ reason: null, services: [], phases: [], outcome: 'done', error: null },
    ...more,
  }
}

function move(number: number, release: number, more: Partial<Operation> = {}): Operation {
  return operation(number, { verb: 'switch', release: `r-${release}`, ...more })
}

function open(number: number, more: Partial<Operation> = {}): Operation {
  return operation(number, { endedAt: null, outcome: null, ...more })
}

function nameOf(number: number): string {
  return `shopctl-journal-${String(number).padStart(8, '0')}`
}

function recordMap(number: number, record: unknown) {
  const metadata = { name: nameOf(number), labels: { 'shopctl.dev/journal': 'record' } }
  return {
    metadata,
    data: { record: typeof record === 'string' ? record : JSON.stringify(record) },
  }
}

function headMap(head: unknown, resourceVersion = '7') {
  const labels = { 'shopctl.dev/journal': 'head' }
  return {
    metadata: { name: 'shopctl-journal', resourceVersion, labels },
    data: { head: typeof head === 'string' ? head : JSON.stringify(head) },
  }
}

function aHead(operation: number, release: number, open: Operation | null = null) {
  return headMap({ version: 1, counter: { operation, release }, open })
}

describe('a journal that is read', () => {
  it('is empty when there is none', () => {
    expect(journalOf([])).toEqual(emptyJournal)
  })

  it('has the records by number, and the open operation', () => {
    const under = open(100_000_000, { verb: 'smoke' })
    const found = [10, 9, 99_999_999, 2].map((number) => recordMap(number, operation(number)))
    const journal = journalOf([...found, aHead(100_000_000, 3, under)])
    expect(journal.closed.map(({ number }) => number)).toEqual([2, 9, 10, 99_999_999])
    expect(journal).toMatchObject({
      counter: { operation: 100_000_000, release: 3 },
      open: under,
      damaged: [],
      head: '7',
    })
  })

  it.each<[string, unknown]>([
    ['no JSON', '{"version":1,'],
    ['of a later version', { ...operation(2), version: 2 }],
    ['of an unknown verb', { ...operation(2), verb: 'resume' }],
    ['without a number', { ...operation(2), number: undefined }],
    ['empty', ''],
    ['no object', 'null'],
  ])('names and skips a record that is %s', (_, record) => {
    const journal = journalOf([
      recordMap(1, operation(1)),
      recordMap(2, record),
      recordMap(3, move(3, 4)),
      aHead(3, 4),
    ])
    expect(journal.closed.map(({ number }) => number)).toEqual([1, 3])
    expect(journal.damaged).toEqual([nameOf(2)])
  })

  it('names and skips a record without data', () => {
    const { metadata } = recordMap(2, '')
    expect(journalOf([{ metadata }]).damaged).toEqual([nameOf(2)])
  })

  it.each<[string, unknown]>([
    ['no JSON', '{'],
    ['without its counter', { version: 1, open: null }],
    ['of numbers that are none', { counter: { operation: '3', release: 1 }, open: null }],
    [
      'with a damaged open operation',
      { counter: { operation: 9, release: 9 }, open: { number: 9 } },
    ],
  ])('takes the counters from the records when the head is %s', (_, head) => {
    const records = [recordMap(3, move(3, 2)), recordMap(4, operation(4))]
    expect(journalOf([...records, headMap(head)])).toMatchObject({
      counter: { operation: 4, release: 2 },
      open: null,
      closed: [{ number: 3 }, { number: 4 }],
      damaged: ['shopctl-journal'],
      head: '7',
    })
  })

  it('has an operation once that is both open and closed, since its end was interrupted', () => {
    const journal = journalOf([
      recordMap(1, operation(1)),
      recordMap(2, operation(2)),
      aHead(2, 0, open(2)),
    ])
    expect(journal.closed.map(({ number }) => number)).toEqual([1])
    expect(journal.open?.number).toBe(2)
  })

  it('continues the numbers of the records when the head is old or missing', () => {
    const records = [recordMap(8, move(8, 5))]
    expect(journalOf([...records, aHead(2, 1)]).counter).toEqual({ operation: 8, release: 5 })
    expect(journalOf(records)).toMatchObject({
      counter: { operation: 8, release: 5 },
      damaged: [],
      head: null,
    })
  })
})

describe('a journal that is written', () => {
  let api: FakeApi
  beforeEach(() => {
    api = createFakeApi(Date.now)
  })
  const store = () => createJournal(api, 'shop')
  const stored = async (number: number) =>
    (await store().read()).closed.find((each) => each.number === number)

  it('opens an operation, and keeps its record when it ends', async () => {
    const journal = store()
    await journal.begin(open(1), await journal.read(), null)
    expect(await journal.read()).toMatchObject({ open: { number: 1 }, closed: [] })
    expect(await journal.end(operation(1))).toBe(true)
    expect(await journal.read()).toMatchObject({
      counter: { operation: 1, release: 0 },
      open: null,
      closed: [{ number: 1, outcome: 'done' }],
    })
  })

  it('lets only one of two commands open an operation, the first one and later ones', async () => {
    const journal = store()
    for (const number of [1, 2]) {
      const seen = await journal.read()
      const both = await Promise.allSettled([
        journal.begin(open(number, { by: 'a' }), seen, null),
        journal.begin(open(number, { by: 'b' }), seen, null),
      ])
      expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
      expect(both[1]).toMatchObject({ reason: { code: 'conflict' } })
      await journal.end(operation(number))
    }
  })

  it('closes the open operation when another one opens', async () => {
    const journal = store()
    await journal.begin(open(1, { verb: 'switch', release: 'r-1' }), emptyJournal, null)
    const next = open(2, {
      verb: 'rollback',
      release: 'r-2',
      startedAt: '2026-01-01T13:00:00.000Z',
    })
    await journal.begin(next, await journal.read(), 'undone')
    expect(await journal.read()).toMatchObject({
      counter: { operation: 2, release: 2 },
      open: { number: 2 },
      closed: [{ number: 1, outcome: 'undone', endedAt: '2026-01-01T13:00:00.000Z' }],
    })
  })

  it('keeps the record of the command that closed an operation when a late command ends it again', async () => {
    const journal = store()
    await journal.begin(open(1), emptyJournal, null)
    await journal.begin(open(2), await journal.read(), 'interrupted')
    expect(await journal.end(operation(1))).toBe(false)
    expect(await stored(1)).toMatchObject({ outcome: 'interrupted' })
    await journal.end(operation(2))
    expect(await journal.end(operation(1))).toBe(false)
    expect(await stored(1)).toMatchObject({ outcome: 'interrupted' })
  })

  it('writes the record of an ended operation again, and makes none', async () => {
    const journal = store()
    await journal.begin(open(1), await journal.read(), null)
    await journal.amend(open(1))
    expect(api.objects.has(`${maps}/${nameOf(1)}`)).toBe(false)
    await journal.end(operation(1))
    const phases = [{ name: 'restart', startedAt: '2026-01-01T12:01:00.000Z', tookMs: 7 }]
    await journal.amend(operation(1, { phases }))
    expect(await journal.read()).toMatchObject({
      counter: { operation: 1 },
      open: null,
      closed: [operation(1, { phases })],
    })
  })

  it('reads phases of an earlier version, which do not say when they began', () => {
    const old = operation(1, { phases: [{ name: 'write', tookMs: 7 }] })
    expect(journalOf([recordMap(1, old)])).toMatchObject({ closed: [old], damaged: [] })
  })

  it('accepts a second end of an operation', async () => {
    const journal = store()
    await journal.begin(open(1), emptyJournal, null)
    expect(await journal.end(operation(1))).toBe(true)
    expect(await journal.end(operation(1))).toBe(true)
  })

  it('keeps an operation whose head was damaged meanwhile', async () => {
    const journal = store()
    await journal.begin(open(1), emptyJournal, null)
    api.put(`${maps}/shopctl-journal`, headMap('{'))
    expect(await journal.end(operation(1))).toBe(false)
    expect(await stored(1)).toMatchObject({ outcome: 'done' })
    const seen = await journal.read()
    expect(seen).toMatchObject({ damaged: ['shopctl-journal'], counter: { operation: 1 } })
    await journal.begin(open(2), seen, null)
    expect(await journal.read()).toMatchObject({ damaged: [], open: { number: 2 } })
  })

  it('deletes records beyond the bounds, and ends well when that fails', async () => {
    const journal = store()
    for (let number = 1; number <= 101; number += 1) {
      const map = recordMap(number, operation(number))
      api.put(`${maps}/${map.metadata.name}`, map)
    }
    api.put(`${maps}/${nameOf(102)}`, recordMap(102, 'damaged'))
    await journal.begin(open(103), await journal.read(), null)
    expect(await journal.end(operation(103))).toBe(true)
    expect(api.objects.has(`${maps}/${nameOf(2)}`)).toBe(false)
    expect(api.objects.has(`${maps}/${nameOf(3)}`)).toBe(true)
    expect(api.objects.has(`${maps}/${nameOf(102)}`)).toBe(true)
  })

  it('makes room for a record that is not written yet', async () => {
    const journal = store()
    const reason = 'x'.repeat(900_000)
    for (let number = 1; number <= 20; number += 1) {
      const map = recordMap(number, move(number, number, { reason }))
      api.put(`${maps}/${map.metadata.name}`, map)
    }
    api.changes.length = 0
    await journal.begin(open(21), await journal.read(), null)
    expect(api.changes).toEqual([`POST ${maps}/shopctl-journal`])
    await journal.end(operation(21))
    expect(await stored(21)).toMatchObject({ outcome: 'done' })
  })

  it('is read once as a whole, when an operation begins', async () => {
    let lists = 0
    const counting: FakeApi = {
      ...api,
      get(path) {
        if (path.startsWith(`${maps}?`)) lists += 1
        return api.get(path)
      },
    }
    const journal = createJournal(counting, 'shop')
    await journal.begin(open(1), await journal.read(), null)
    expect(await journal.isOpen(open(1))).toBe(true)
    await journal.end(operation(1))
    expect(lists).toBe(1)
  })
})
