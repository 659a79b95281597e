import { randomUUID } from 'node:crypto'
import { inboxPruning } from '@shop/kernel/inbox'
import { describe, expect, it } from 'vitest'
import { openService } from './stuck.ts'

describe('old inbox rows', () => {
  it('are replaced by sums, and the accounting stays the same', async () => {
    const { database, accounting } = await openService()
    const insert = (days: number, epoch: number | null, color: string | null, repeats: number) =>
      database.query(
        `INSERT INTO inbox (consumer, message_id, handled_at, epoch, color, revision, repeats)
         VALUES ('x', $1, now() - make_interval(days => $2), $3, $4, $4, $5)`,
        [randomUUID(), days, epoch, color, repeats],
      )
    await Promise.all([insert(9, null, null, 0), insert(8, 1, 'blue', 2), insert(8, 1, 'blue', 1)])
    await Promise.all([insert(1, 1, 'blue', 0), insert(1, 2, 'green', 4)])
    const before = await accounting()
    expect(before).toMatchObject({
      duplicatesRefused: 7,
      byEpoch: [
        { epoch: 0, color: null, handled: 1 },
        { epoch: 1, color: 'blue', handled: 3 },
        { epoch: 2, color: 'green', handled: 1 },
      ],
    })
    const prune = () => database.transaction(inboxPruning.run)
    await prune()
    expect(await database.query('SELECT 1 FROM inbox')).toHaveLength(2)
    expect(await accounting()).toEqual({ ...before, at: expect.any(Number) })
    await insert(10, 1, 'blue', 1)
    await prune()
    expect(await accounting()).toMatchObject({ duplicatesRefused: 8 })
    expect((await accounting()).byEpoch[1]).toMatchObject({ handled: 4 })
  })
})
