// What waits for a switch is tried out on a plane of its own, and consumes nothing of the live one.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { manage, watchConsumers } from './broker.ts'
import { psql } from './database.ts'
import {
  copyTree,
  ensureLive,
  kubectlOk,
  other,
  type Status,
  shopctlOk,
  status,
  type Tree,
} from './shop.ts'
import { underLoad } from './under-load.ts'

const services = ['order', 'inventory', 'payment', 'notification']
const mails = 'http://10.245.0.1:8025/messages'

let tree: Tree

beforeAll(async () => {
  await ensureLive()
  tree = await copyTree()
}, 300_000)

afterAll(() => tree?.remove())

/** Rows of every table, messages ever published to each queue, and mails: all that a live order would change. */
async function liveThings(): Promise<Record<string, unknown>> {
  const tables = await Promise.all(
    services.map(async (service) => {
      const names = await psql(
        service,
        `SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public'`,
      )
      const sums = names
        .split(' ')
        .map(
          (name) =>
            `(SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) FROM ${name} AS t)`,
        )
      return [service, await psql(service, `SELECT concat_ws(' ', ${sums.join(', ')})`)] as const
    }),
  )
  const queues = (await manage(
    'GET',
    '/queues/%2F?disable_stats=true&enable_queue_totals=true',
  )) as { name: string; messages: number }[]
  const mailbox = (await (await fetch(mails)).json()) as unknown[]
  return {
    tables: Object.fromEntries(tables),
    queues: queues.map(({ name, messages }) => [name, messages]).sort(),
    mails: mailbox.length,
  }
}

async function previewOrders(): Promise<number> {
  return Number(
    await psql('order_preview', `SELECT count(*) FROM orders WHERE status = 'confirmed'`),
  )
}

describe('a smoke order', () => {
  test.each([
    ['all four services', services],
    ['payment alone', ['payment']],
  ])(
    'through the standby of %s is complete, and changes nothing that is live',
    async (_, some) => {
      for (const service of some)
        await tree.append(`services/${service}/main.ts`, `\n// planes: ${some.length}\n`)
      const chosen = some.flatMap((service) => ['--service', service])
      for (const verb of ['build', 'push', 'deploy'])
        await shopctlOk([verb, ...chosen], { cwd: tree.dir })
      const [before, ordersBefore] = [await liveThings(), await previewOrders()]
      await shopctlOk(['smoke', ...chosen], { cwd: tree.dir })
      await sleep(2_000)
      expect(await liveThings()).toEqual(before)
      expect(await previewOrders()).toBeGreaterThan(ordersBefore)
      const { services: now } = await status()
      for (const service of some) {
        const { active = null, slots } = now[service] ?? {}
        expect(slots?.[other(active)]).toMatchObject({ smoked: true, consumers: 0 })
      }
    },
    240_000,
  )
})

test('standby pods never consume a live queue, from before deploy until switch', async () => {
  const before: Status = await status()
  const slots = services.map((name) => `${name}-${other(before.services[name]?.active)}-`)
  const standby = new Map<string, string>()
  const started = Date.now()
  const { seen, samples } = await watchConsumers(async () => {
    await underLoad({ rate: 10 }, async () => {
      for (const service of services)
        await tree.append(`services/${service}/main.ts`, '\n// planes: watched\n')
      for (const verb of ['build', 'push', 'deploy', 'smoke']) {
        await shopctlOk([verb], { cwd: tree.dir })
        for (const [address, pod] of await addresses()) {
          if (slots.some((slot) => pod.startsWith(slot))) standby.set(address, pod)
        }
      }
    })
  })
  expect(samples).toBeGreaterThan((4 * (Date.now() - started)) / 1_000)
  expect(standby.size).toBeGreaterThanOrEqual(2 * services.length)
  const consumers = [...seen].map((one) => one.split(':') as [string, string])
  expect(new Set(consumers.map(([queue]) => queue))).toEqual(
    new Set(services.flatMap((service) => [service, `${service}.dead`])),
  )
  expect(consumers.filter(([, address]) => standby.has(address))).toEqual([])
  await shopctlOk(['switch'], { cwd: tree.dir })
}, 300_000)

/** Names of all pods by their address. */
async function addresses(): Promise<Map<string, string>> {
  const columns = '{range .items[*]}{.status.podIP} {.metadata.name}{"\\n"}{end}'
  const list = await kubectlOk('get', 'pods', `--output=jsonpath=${columns}`)
  return new Map(
    list
      .split('\n')
      .filter((line) => !line.startsWith(' ') && line !== '')
      .map((line) => line.split(' ') as [string, string]),
  )
}
