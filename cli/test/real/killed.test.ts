// Whatever is killed under load, no order is lost and nothing has its effect twice.
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, test } from 'vitest'
import { killPods, slotSelector } from './chaos.ts'
import { ensureLive, kubectlOk, type Status, status, until } from './shop.ts'
import { underLoad } from './under-load.ts'

const services = ['order', 'inventory', 'payment', 'notification']
/** A container that was killed several times waits longer and longer for its next start. */
const patienceMs = 180_000
const faults = { rate: 10, allowFailures: true }
let before: Status

beforeAll(async () => {
  await ensureLive()
  before = await status()
  // New pods: those that other tests have killed often would wait for minutes before they start again.
  const live = services.map((name) => slotSelector(name, before.services[name]?.active ?? null))
  await Promise.all(live.map((selector) => kubectlOk('delete', 'pods', '--selector', selector)))
  await rest()
}, 300_000)

async function kill(service: string): Promise<() => Promise<boolean>> {
  return killPods(slotSelector(service, before.services[service]?.active ?? null))
}

async function allConsume(): Promise<boolean> {
  const { services: now } = await status()
  return services.every((name) => {
    const active = now[name]?.active
    const slot = active && now[name]?.slots[active]
    return slot && slot.ready === slot.replicas && slot.consumers === slot.replicas
  })
}

/** For a while: a pod is called ready until it has failed its probe three times. */
async function rest(): Promise<void> {
  let since = Date.now()
  await until(
    'all consume, and go on consuming',
    async () => {
      if (!(await allConsume())) since = Date.now()
      return Date.now() - since > 5_000
    },
    patienceMs,
  )
}

describe('SIGKILL under load', () => {
  test('to the pods of each service, one service after another', async () => {
    await underLoad(faults, async () => {
      for (const service of services) {
        const isBack = await kill(service)
        await until(`the pods of ${service} are back`, isBack, patienceMs)
      }
      await rest()
    })
  }, 400_000)

  test('to the pods of all services at once', async () => {
    await underLoad(faults, async () => {
      for (const isBack of await Promise.all(services.map(kill)))
        await until('the pods are back', isBack, patienceMs)
      await rest()
    })
  }, 400_000)

  test('to the broker', async () => {
    await underLoad(faults, async () => {
      await until('it is back', await killPods('app.kubernetes.io/name=rabbitmq'), patienceMs)
      await rest()
    })
  }, 400_000)

  test('to the database', async () => {
    await underLoad(faults, async () => {
      await until('it is back', await killPods('app.kubernetes.io/name=postgres'), patienceMs)
      await rest()
    })
  }, 400_000)
})

test('the broker away for ten seconds', async () => {
  const scale = (replicas: number) =>
    kubectlOk('scale', 'statefulset', 'rabbitmq', `--replicas=${replicas}`)
  await underLoad(faults, async () => {
    await scale(0)
    try {
      await sleep(10_000)
    } finally {
      await scale(1)
    }
    await rest()
  })
}, 400_000)
