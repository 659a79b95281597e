// Kills a process at each step between a write and its effect.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { migrate } from '@shop/kernel/migrate'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  createSchema,
  createTopology,
  migrationsOf,
  openDatabase,
  setting,
} from './infrastructure.ts'
import { effects, eventually, thingDone, waiting } from './things.ts'

const worker = fileURLToPath(new URL('crash-worker.ts', import.meta.url))

async function createVictim() {
  const [url, topology] = await Promise.all([createSchema(), createTopology()])
  await migrate(url, await migrationsOf('order'))
  const database = openDatabase(url)
  await database.query('CREATE TABLE effects (n int)')
  await database.query('CREATE TABLE requests (key text PRIMARY KEY)')
  const queue = await topology.queue(thingDone.type)

  function start(fault?: string): Promise<unknown[]> {
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
    // `requests` and `had` (effects) are counted after the kill, and `repeats` of the message after the restart.
    { fault: 'write.before-commit', requests: 0, had: [], repeats: [0] },
    { fault: 'write.after-commit', requests: 1, had: [], repeats: [0] },
    // The broker may or may not have received the message.
    { fault: 'relay.published', requests: 1, had: [], repeats: [0, 1] },
    { fault: 'relay.confirmed', requests: 1, had: undefined, repeats: [1] },
    { fault: 'inbox.handled', requests: 1, had: [1], repeats: [1, 2] },
  ] as const)('at $fault has its effect once after a restart', async (point) => {
    const { start, database, topology, queue } = await createVictim()
    expect(await start(point.fault)).toEqual([null, 'SIGKILL'])
    expect(await database.query('SELECT 1 FROM requests')).toHaveLength(point.requests)
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
