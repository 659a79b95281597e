import { type Fence, GateClosed } from '@shop/kernel/gate'
import { on } from '@shop/kernel/inbox'
import { describe, expect, it } from 'vitest'
import { arrived, newId, openFence, openOutbox } from './infrastructure.ts'
import {
  counting,
  createStore,
  done,
  effects,
  insertEffect,
  numbers,
  thingDone,
  waiting,
} from './things.ts'

describe('the inbox', () => {
  it('handles each event once, however often and concurrently it arrives', async () => {
    const database = await createStore()
    const outbox = openOutbox(database)
    const fence = openFence(database, { epoch: 7, color: 'green', revision: 'r2' })
    const subscription = on(thingDone, {
      async handle(tx, { data: { n } }) {
        await insertEffect(tx, n)
        return [done(n + 1)]
      },
    })
    const event = arrived(thingDone, newId(), { n: 1 })
    const receive = () => subscription.receive(event, { consumer: 'test', outbox, fence })
    const outcomes = await Promise.all(numbers(6).map(receive))
    expect(outcomes.filter((outcome) => outcome === 'handled')).toHaveLength(1)
    expect(await receive()).toBe('duplicate')
    expect(await effects(database)).toEqual([1])
    expect(await waiting(database)).toHaveLength(1)
    const rows = await database.query(
      'SELECT type, color, revision, epoch::int, repeats FROM inbox',
    )
    expect(rows).toEqual([
      { type: thingDone.type, color: 'green', revision: 'r2', epoch: 7, repeats: 6 },
    ])
    // The inbox of another consumer is separate.
    expect(await subscription.receive(event, { consumer: 'other', outbox, fence })).toBe('handled')
  })

  it('commits nothing when the gate is closed, neither in prepare nor in handle', async () => {
    const database = await createStore()
    const outbox = openOutbox(database)
    const fence = openFence(database)
    const prepared: string[] = []
    const preparing = (write: (within: Fence, n: number) => Promise<unknown>) =>
      on(thingDone, {
        async prepare({ data: { n } }, within) {
          prepared.push('asked')
          await write(within, n)
          prepared.push('written')
        },
        handle: async () => [],
      })
    const subscriptions = [
      preparing((within, n) => insertEffect(within, n)),
      preparing((within, n) => within.transaction((tx) => insertEffect(tx, n))),
      counting(),
    ]
    const event = arrived(thingDone, newId(), { n: 1 })
    fence.close()
    for (const subscription of subscriptions) {
      const receiving = subscription.receive(event, { consumer: 'test', outbox, fence })
      await expect(receiving).rejects.toThrow(GateClosed)
    }
    expect(prepared).toEqual(['asked', 'asked'])
    expect(await effects(database)).toEqual([])
    expect(await database.query('SELECT 1 FROM inbox')).toEqual([])
  })
})
