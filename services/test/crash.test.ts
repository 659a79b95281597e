// The moments at which a process can die between a write and its effect, each of them forced.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { FaultPoint } from '@shop/kernel/faults'
import { migrate, readMigrations } from '@shop/kernel/migrate'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createSchema, createTopology, openDatabase, setting } from './infrastructure.ts'
import { effects, eventually, thingDone, waiting } from './things.ts'

const worker = fileURLToPath(new URL('crash-worker.ts', import.meta.url))

async function createVictim() {
  const [url, topology] = await Promise.all([createSchema(), createTopology()])
  await migrate(url, await readMigrations(new URL('../order/migrations/', import.meta.url)))
  const database = openDatabase(url)
  await database.query('CREATE TABLE effects (n int)')
  await database.query('CREATE TABLE wishes (key text PRIMARY KEY)')
  const queue = await topology.queue(thingDone.type)

  function start(fault?: FaultPoint): Promise<unknown[]> {
    const child = spawn(process.execPath, [worker], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        DATABASE_URL: url,
        AMQP_URL: setting('SHOP_TEST_AMQP_URL'),
        EXCHANGE: topology.exchange,
        QUEUE: queue,
        ...(fault && { SHOP_FAULT: fault }),
      },
    })
    const ended = once(child, 'exit')
    onTestFinished(async () => {
      if (child.exitCode === null && child.kill('SIGKILL')) await ended
    })
    return ended
  }

  return { start, database, topology, queue }
}

describe('a process that is killed', () => {
  it.each([
    // What is left behind: wishes that were committed, effects; and how often the message came again.
    { fault: 'write.before-commit', wishes: 0, had: [], repeats: [0] },
    { fault: 'write.after-commit', wishes: 1, had: [], repeats: [0] },
    // On its way to the broker, or only nearly.
    { fault: 'relay.published', wishes: 1, had: [], repeats: [0, 1] },
    { fault: 'relay.confirmed', wishes: 1, had: undefined, repeats: [1] },
    { fault: 'inbox.handled', wishes: 1, had: [1], repeats: [1, 2] },
  ] as const)('at $fault has had its effect once when it is back', async (point) => {
    const { start, database, topology, queue } = await createVictim()
    expect(await start(point.fault)).toEqual([null, 'SIGKILL'])
    expect(await database.query('SELECT 1 FROM wishes')).toHaveLength(point.wishes)
    if (point.had) expect(await effects(database)).toEqual(point.had)

    void start()
    const repeats = async () => {
      const [row] = await database.query<{ repeats: number }>('SELECT repeats FROM inbox')
      return row?.repeats
    }
    await eventually(async () => {
      expect(await effects(database)).toEqual([1])
      expect(await waiting(database)).toEqual([])
      expect(point.repeats).toContain(await repeats())
    })
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(await effects(database)).toEqual([1])
    expect(point.repeats).toContain(await repeats())
    expect(await database.query('SELECT 1 FROM parked')).toEqual([])
    expect(await topology.drain(queue)).toEqual([])
  })
})
