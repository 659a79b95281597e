// Whatever is killed under load, no order is lost and nothing has its effect twice.
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { killPods, slotSelector } from './chaos.ts'
import { ensureLive, kubectlOk, type Status, status, until } from './shop.ts'
import { underLoad } from './under-load.ts'

const services = ['order', 'inventory', 'payment', 'notification']
const faults = { rate: 10, allowFailures: true }
let before: Status

beforeAll(async () => {
  await ensureLive()
  before = await status()
}, 300_000)

const kill = async (service: string): Promise<void> => {
  const active = before.services[service]?.active ?? null
  expect(await killPods(slotSelector(service, active))).toBeGreaterThan(0)
}

const allReady = async (): Promise<boolean> => {
  const { services: now } = await status()
  return services.every((name) => {
    const active = now[name]?.active
    const slot = active && now[name]?.slots[active]
    return slot && slot.ready === slot.replicas && slot.consumers === slot.replicas
  })
}

describe('SIGKILL under load', () => {
  test('to the pods of each service, one service after another', async () => {
    await underLoad(faults, async () => {
      for (const service of services) {
        await kill(service)
        await sleep(3_000)
      }
      await until('all pods are back', allReady)
    })
  }, 240_000)

  test('to the pods of all services at once', async () => {
    await underLoad(faults, async () => {
      await Promise.all(services.map(kill))
      await until('all pods are back', allReady, 120_000)
      await sleep(2_000)
    })
  }, 240_000)

  test('to the broker: orders are taken all the same', async () => {
    const { load } = await underLoad(faults, async () => {
      expect(await killPods('app.kubernetes.io/name=rabbitmq')).toBeGreaterThan(0)
      await until('the consumers are back', allReady, 120_000)
    })
    expect(load.failures).toBe(0)
  }, 240_000)

  test('to the database', async () => {
    await underLoad(faults, async () => {
      expect(await killPods('app.kubernetes.io/name=postgres')).toBeGreaterThan(0)
      await until('the consumers are back', allReady, 120_000)
      await sleep(2_000)
    })
  }, 240_000)
})

test('the broker away for ten seconds: orders are taken all the same', async () => {
  const scale = (replicas: number) =>
    kubectlOk('scale', 'statefulset', 'rabbitmq', `--replicas=${replicas}`)
  const { load } = await underLoad({ rate: 10 }, async () => {
    await scale(0)
    try {
      await sleep(10_000)
    } finally {
      await scale(1)
    }
    await until('the consumers are back', allReady, 120_000)
  })
  expect(load.failures).toBe(0)
}, 240_000)
