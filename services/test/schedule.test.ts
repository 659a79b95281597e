import { setTimeout } from 'node:timers/promises'
import { reservationExpired } from '@shop/events/contracts'
import { draft } from '@shop/events/envelope'
import { startSchedule } from '@shop/kernel/schedule'
import { untraced } from '@shop/kernel/spans'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createServiceDatabase, logger, newId, openFence, openOutbox } from './infrastructure.ts'

describe('a scheduled job', () => {
  it('runs in one pod at a time, with a fence only, and stores its events', async () => {
    const database = await createServiceDatabase('order')
    const outbox = openOutbox(database)
    const fence = openFence(database)
    let [atOnce, most, runs] = [0, 0, 0]
    const tick = {
      name: 'tick',
      everyMs: 10,
      async run() {
        atOnce += 1
        most = Math.max(most, atOnce)
        await setTimeout(20)
        atOnce -= 1
        runs += 1
        return [draft(reservationExpired, newId(), { orderId: newId() })]
      },
    }
    const onGateClosed = vi.fn()
    let open = false
    const pods = [1, 2, 3].map(() =>
      startSchedule({
        tracer: untraced,
        jobs: [tick],
        outbox,
        fence: () => (open ? fence : null),
        logger,
        onGateClosed,
      }),
    )
    onTestFinished(async () => void (await Promise.all(pods.map((pod) => pod.close()))))
    await setTimeout(100)
    expect(runs).toBe(0)

    open = true
    await vi.waitFor(() => expect(runs).toBeGreaterThan(5), { timeout: 10_000 })
    expect(most).toBe(1)
    expect(onGateClosed).not.toHaveBeenCalled()

    fence.close()
    await vi.waitFor(() => expect(onGateClosed).toHaveBeenCalled(), { timeout: 5_000 })
    await Promise.all(pods.map((pod) => pod.close()))
    const rows = await database.query<{ type: string }>('SELECT type FROM outbox')
    expect(rows).toHaveLength(runs)
    expect(rows[0]?.type).toBe(reservationExpired.type)
  })

  it('runs again after it failed', async () => {
    const database = await createServiceDatabase('order')
    const run = vi.fn().mockRejectedValueOnce(new Error('no')).mockResolvedValue([])
    const schedule = startSchedule({
      tracer: untraced,
      jobs: [{ name: 'tick', everyMs: 10, run }],
      outbox: openOutbox(database),
      fence: () => openFence(database),
      logger,
      onGateClosed: () => {},
    })
    onTestFinished(() => schedule.close())
    await vi.waitFor(() => expect(run.mock.calls.length).toBeGreaterThan(2), { timeout: 5_000 })
  })
})
