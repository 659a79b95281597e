// What every journal does, the one in memory and one on a real cluster.
import { expect, it } from 'vitest'
import type { JournalStore } from '../../src/release/ports/session.ts'
import {
  emptyJournal,
  type Journal,
  type Operation,
  type Outcome,
} from '../../src/release/record.ts'
import { aMove, anOpenOperation, anOperation, aWatch } from './state.ts'

export interface JournalUnderTest {
  journal: JournalStore
  /** Makes the record of this operation one that cannot be read; gives its name. */
  damage(operation: Operation): Promise<string>
}

/** `make` gives an empty one. */
export function journalContract(make: () => Promise<JournalUnderTest>): void {
  const deploy = (number: number, over: Partial<Operation> = {}): Operation =>
    anOpenOperation({ number, ...over })
  const ended = (operation: Operation, outcome: Outcome = 'done'): Operation => ({
    ...operation,
    endedAt: '2026-01-01T00:00:01.000Z',
    outcome,
  })
  /** Begins this operation after what stands, and ends it. */
  const run = async ({ journal }: JournalUnderTest, operation: Operation): Promise<void> => {
    await journal.begin({ ...operation, endedAt: null, outcome: null }, await journal.read(), null)
    expect(await journal.end(operation)).toBe(true)
  }
  const summary = ({ closed }: Journal): string[] =>
    closed.map(({ number, outcome }) => `${number} ${outcome}`)

  it('is empty at first', async () => {
    const { journal } = await make()
    expect(await journal.read()).toEqual(emptyJournal)
  })

  it('has what was begun open, and what was ended closed', async () => {
    const { journal } = await make()
    await journal.begin(deploy(1), await journal.read(), null)
    expect(await journal.read()).toMatchObject({
      counter: { operation: 1, release: 0 },
      open: deploy(1),
      closed: [],
    })
    expect(await journal.isOpen(deploy(1))).toBe(true)
    expect(await journal.end(ended(deploy(1)))).toBe(true)
    expect(await journal.isOpen(deploy(1))).toBe(false)
    const services = aMove('r-7', 'switch', ['order']).services
    const move = deploy(2, { verb: 'switch', release: 'r-7', services })
    await journal.begin(move, await journal.read(), null)
    expect(await journal.end(ended(move, 'undone'))).toBe(true)
    expect(await journal.read()).toMatchObject({
      counter: { operation: 2, release: 7 },
      open: null,
      closed: [ended(deploy(1)), ended(move, 'undone')],
      damaged: [],
    })
  })

  it('knows the last numbers in use', async () => {
    const cluster = await make()
    const { journal } = cluster
    expect(await journal.counter()).toEqual({ operation: 0, release: 0 })
    await run(cluster, ended(deploy(1)))
    const services = aMove('r-7', 'switch', ['order']).services
    await journal.begin(
      deploy(2, { verb: 'switch', release: 'r-7', services }),
      await journal.read(),
      null,
    )
    expect(await journal.counter()).toEqual({ operation: 2, release: 7 })
  })

  it('lets one of two begin that saw the same', async () => {
    const { journal } = await make()
    for (const number of [1, 3]) {
      const seen = await journal.read()
      const results = await Promise.allSettled([
        journal.begin(deploy(number, { reason: 'one' }), seen, null),
        journal.begin(deploy(number, { reason: 'other' }), seen, null),
      ])
      const codes = results.map((each) => (each.status === 'rejected' ? each.reason.code : 'won'))
      expect(codes.sort()).toEqual(['conflict', 'won'])
      const winner = results[0].status === 'fulfilled' ? 'one' : 'other'
      expect((await journal.read()).open?.reason).toBe(winner)
      await journal.end(ended(deploy(number, { reason: winner })))
    }
  })

  it('closes what was open when another one begins in its place', async () => {
    const { journal } = await make()
    await journal.begin(deploy(1), await journal.read(), null)
    await journal.begin(deploy(2), await journal.read(), 'interrupted')
    const now = await journal.read()
    expect(now.open?.number).toBe(2)
    expect(summary(now)).toEqual(['1 interrupted'])
  })

  it('does not let one end that is not open any more, nor change its record', async () => {
    const { journal } = await make()
    await journal.begin(deploy(1), await journal.read(), null)
    await journal.begin(deploy(2), await journal.read(), 'interrupted')
    expect(await journal.end(ended(deploy(1)))).toBe(false)
    const now = await journal.read()
    expect(now.open?.number).toBe(2)
    expect(summary(now)).toEqual(['1 interrupted'])
  })

  it('leaves the record of the open one alone when who would take its place comes too late', async () => {
    const { journal } = await make()
    await journal.begin(deploy(1), await journal.read(), null)
    const stale = await journal.read()
    await journal.end(ended(deploy(1)))
    const late = journal.begin(deploy(2), stale, 'interrupted')
    await expect(late).rejects.toMatchObject({ code: 'conflict' })
    expect(summary(await journal.read())).toEqual(['1 done'])
  })

  it('lets the record of an ended one be written again, and makes none', async () => {
    const { journal } = await make()
    await journal.begin(deploy(1), await journal.read(), null)
    await journal.amend(deploy(1))
    expect((await journal.read()).closed).toEqual([])
    await journal.end(ended(deploy(1)))
    const phases = [{ name: 'restart', startedAt: '2026-01-01T00:00:02.000Z', tookMs: 7 }]
    const watch = aWatch()
    await journal.amend({ ...ended(deploy(1)), phases, watch })
    expect(await journal.read()).toMatchObject({
      open: null,
      closed: [{ number: 1, outcome: 'done', phases, watch }],
    })
  })

  it('accepts the end a second time when the answer to the first was lost', async () => {
    const cluster = await make()
    await run(cluster, ended(deploy(1)))
    expect(await cluster.journal.end(ended(deploy(1)))).toBe(true)
    expect(summary(await cluster.journal.read())).toEqual(['1 done'])
  })

  it('names a record that cannot be read, and leaves it out', async () => {
    const cluster = await make()
    for (const number of [1, 2, 3]) await run(cluster, ended(deploy(number)))
    const name = await cluster.damage(deploy(2))
    const now = await cluster.journal.read()
    expect(summary(now)).toEqual(['1 done', '3 done'])
    expect(now.damaged).toEqual([name])
    await run(cluster, ended(deploy(now.counter.operation + 1)))
    expect(summary(await cluster.journal.read())).toEqual(['1 done', '3 done', '4 done'])
  })

  it('takes a reason of 120 KB', async () => {
    const cluster = await make()
    const reason = 'x'.repeat(120 * 1024)
    await run(cluster, anOperation({ number: 1, reason }))
    expect((await cluster.journal.read()).closed[0]?.reason).toBe(reason)
  })
}
