// The observability stack on the real cluster, with both colors of all services: what it shows, what it says, and that
// orders do not need it. A bad version of the order service is switched to, and rolled back.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Load, startLoad } from '../../../services/shop/load/drive.ts'
import { metricsOf, queriesOf, readDashboards } from '../fakes/dashboard-queries.ts'
import { flood } from './broker.ts'
import { burn, freezePods, slotSelector } from './chaos.ts'
import {
  getJson,
  killStack,
  messages,
  metricsText,
  numberOf,
  platform,
  query,
  series,
  stack,
  storedLogs,
  targets,
} from './observability.ts'
import {
  colors,
  copyTree,
  edgeUrl,
  ensureLive,
  execInPod,
  kubectlOk,
  namespace,
  other,
  shopctl,
  shopctlJson,
  shopctlOk,
  status,
  type Tree,
  until,
} from './shop.ts'
import { mountSmallDisks } from './small-disks.ts'
import { underLoad } from './under-load.ts'

const services = ['order', 'inventory', 'payment', 'notification']
const inTest = 'environment="test"'

interface Moved {
  release: string
}

/** Whether the stack was there before: then it is the user's, and stays. */
let isUsers: boolean
let tree: Tree
let load: Load
let bad: Moved
let back: Moved
const started = new Date()

beforeAll(async () => {
  isUsers = (JSON.parse(await platform('status', '--json')) as { with: string[] }).with.includes(
    stack,
  )
  await Promise.all([ensureLive(), platform('up', '--with', stack)])
  tree = await copyTree()
  await tree.append('services/kernel/run.ts', '\n// Another version of all services.\n')
  await tree.edit(
    'services/order/main.ts',
    'newId, logger, metrics',
    'newId, plane, logger, metrics',
  )
  await tree.edit(
    'services/order/main.ts',
    'routes: (app) =>\n        routes(app, { database, outbox, newId, slot, placedVersion, metrics, logger }),',
    `routes(app) {
        app.addHook('onRequest', async ({ method }) => {
          if (plane !== 'live' || method !== 'POST') return
          if (Math.random() < 0.4) throw new Error('a bug')
          await new Promise((resolve) => setTimeout(resolve, 800))
        })
        routes(app, { database, outbox, newId, slot, placedVersion, metrics, logger })
      },`,
  )
  for (const verb of ['build', 'push', 'deploy']) await shopctlOk([verb], { cwd: tree.dir })
  await shopctlOk(['smoke', '--service', 'order'], { cwd: tree.dir })
  load = startLoad({ url: edgeUrl, rate: 15, seconds: 600, patienceMs: 60_000 })
}, 600_000)

afterAll(async () => {
  await load?.stop()
  await tree?.remove()
  if (!isUsers) await platform('up', '--without', stack)
}, 120_000)

test('Prometheus gets every target, both slots of all services among them', async () => {
  const wanted = [
    ...['shop', 'rabbitmq', 'rabbitmq-queues', 'postgres', 'node', 'kubelet', 'cadvisor'],
    ...['apiserver', 'kube-state-metrics', 'prometheus', 'alertmanager', 'logs', 'log-collector'],
  ]
  let down: string[] = []
  await until('each target is up', async () => {
    // Other environments of this machine may have anything.
    const found = (await targets()).filter(({ labels }) =>
      ['test', 'cluster', stack].includes(labels.environment ?? ''),
    )
    const jobs = new Set(found.map(({ labels }) => labels.job))
    const slots = new Set(found.map(({ labels }) => `${labels.service} ${labels.color}`))
    down = [
      ...wanted.filter((job) => !jobs.has(job)),
      ...services
        .flatMap((service) => ['blue', 'green'].map((color) => `${service} ${color}`))
        .filter((slot) => !slots.has(slot)),
      ...found
        .filter(({ health }) => health !== 'up')
        .map(({ labels, lastError }) => `${labels.job} ${labels.pod}: ${lastError}`),
    ]
    return down.length === 0
  }).catch((error) => {
    throw new Error(`not up: ${down.join('\n')}`, { cause: error })
  })
  // Scraped now: pods that earlier tests have replaced do not count.
  const scraped = await numberOf(`count({environment=~"test|cluster|${stack}"})`)
  expect(scraped).toBeGreaterThan(1_000)
  expect(scraped).toBeLessThan(15_000)
}, 150_000)

describe('a switch to a bad version of order', () => {
  let color: string
  let since: Date

  beforeAll(async () => {
    color = other((await status()).services.order?.active)
    since = new Date()
    bad = await shopctlJson<Moved>(['switch', '--service', 'order'], { cwd: tree.dir })
  })

  test('shows errors in its slot alone, and Slack gets its release, twice', async () => {
    const wanted = [
      ['Critical', 'Orders are not accepted', bad.release],
      ['Warning', 'order answers slowly', color],
    ] as const
    await until('both alerts arrive', async () => {
      const found = await messages(since)
      return wanted.every(([severity, summary, origin]) =>
        found.some(
          ({ title, text }) =>
            title.includes(severity) &&
            [summary, color, origin].every((part) => text.includes(part)),
        ),
      )
    })
    const failing = await query(`slot:http_errors:rate1m{${inTest}} > 0`)
    expect(failing.map(({ metric }) => `${metric.service} ${metric.color}`)).toEqual([
      `order ${color}`,
    ])
  }, 120_000)

  test('is in the status, and holds up another switch', async () => {
    await until('the alert is in the status', async () => {
      const { alerts } = await shopctlJson<{ alerts: { name: string; service: string }[] | null }>([
        'status',
      ])
      // null: Prometheus did not answer in time.
      return (
        alerts?.some(({ name, service }) => `${service} ${name}` === 'order OrdersFail') ?? false
      )
    })
    const refused = await shopctl([
      ...['switch', '--service', 'inventory', '--skip-smoke', '--reason', 'a test'],
    ])
    expect(refused.exitCode).toBe(2)
    expect(refused.stderr).toContain('OrdersFail')
    expect(refused.stderr).toContain('--despite-alerts')
  })

  test('ends with the rollback, and both are marked in the dashboards', async () => {
    const rolledBack = new Date()
    back = await shopctlJson<Moved>(['rollback'])
    await until(
      'the ends arrive',
      async () => {
        const ended = (await messages(rolledBack)).filter(({ title }) => title.includes('Resolved'))
        return ['Orders are not accepted', 'order answers slowly'].every((summary) =>
          ended.some(({ text }) => text.includes(summary)),
        )
      },
      90_000,
    )
    const marks = readDashboards()
      .flatMap((dashboard) => queriesOf(dashboard, variables))
      .filter(({ place }) => place === 'Releases')
    expect(marks).toHaveLength(4)
    for (const { expr } of marks) {
      await until('both releases are marked', async () => {
        const found = JSON.stringify(await series(expr, since, 5))
        return [bad, back].every(({ release }) => found.includes(release))
      })
    }
  }, 120_000)
})

const variables = {
  ...{ environment: 'test', namespace, service: services.join('|') },
  ...{ __interval: '5s', __rate_interval: '30s', __range: '15m' },
}

test('each query of each panel has data', async () => {
  const queries = readDashboards().flatMap((dashboard) => queriesOf(dashboard, variables))
  let empty: string[] = []
  // Some targets are asked every 30 s, and a rate needs two answers. The step is that of $__interval: a mark lasts as long.
  await until(
    'each query has data',
    async () => {
      empty = []
      for (const { dashboard, place, expr, isInstant } of queries) {
        const found = isInstant
          ? (await query(expr)).filter(({ value }) => value[1] !== 'NaN')
          : (await series(expr, started, 5)).filter(({ values }) => values.length > 0)
        const seen = new Set(found.map(({ metric }) => metric.color))
        // Both slots of order have served.
        const lacksOne = dashboard === 'release' && seen.size === 1 && !seen.has(undefined)
        if (found.length === 0 || (lacksOne && !isInstant))
          empty.push(`${dashboard}, ${place}: ${expr} (${[...seen]})`)
      }
      return empty.length === 0
    },
    90_000,
  ).catch((error) => {
    throw new Error(`no data: ${empty.join('\n')}`, { cause: error })
  })
  expect(queries.length).toBeGreaterThan(80)
}, 120_000)

test('each rule asks for series that exist', async () => {
  const { data } = await getJson<{ data: { groups: { rules: Rule[] }[] } }>(
    'prometheus',
    '/api/v1/rules',
  )
  const rules = data.groups.flatMap((group) => group.rules)
  expect(rules.filter(({ health }) => health !== 'ok')).toEqual([])
  const names = new Set(rules.flatMap(({ query: expr }) => metricsOf(expr)))
  const recorded = new Set(rules.map(({ name }) => name))
  const missing: string[] = []
  for (const name of names) {
    const exists = (await query(`count(last_over_time({__name__="${name}"}[15m]))`)).length > 0
    if (!exists && !recorded.has(name)) missing.push(name)
  }
  // Of cert-manager, and of a kubelet that renews its own certificates: neither is in this cluster.
  expect(
    missing.filter((name) => !/^(certmanager|kubelet_certificate_manager)_/.test(name)),
  ).toEqual([])
})

interface Rule {
  name: string
  query: string
  health: string
}

test('all of it takes less than 600 MB', async () => {
  const bytes = await numberOf(
    `sum(container_memory_working_set_bytes{namespace="${stack}",container=""})`,
  )
  expect(bytes).toBeGreaterThan(50e6)
  expect(bytes).toBeLessThan(600e6)
})

/** Fault → the service of its group, and what its message says. */
const faults = {
  down: ['inventory', 'inventory is down'],
  queue: ['flood', 'Messages pile up in the queue flood'],
  processor: ['payment', 'uses much processor time'],
} as const
let faulty: Date

describe('what Slack gets', () => {
  beforeAll(async () => {
    const { services: now } = await status()
    // Requests would wait for the inventory.
    await load.stop()
    faulty = new Date()
    const [thaw, drain] = await Promise.all([
      freezePods(slotSelector('inventory', now.inventory?.active ?? null)),
      flood('flood', 1_500),
    ])
    const burning = burn(slotSelector('payment', other(now.payment?.active)))
    try {
      let missing: string[] = []
      await until(
        'a message of each fault',
        async () => {
          const found = await messages(faulty)
          missing = Object.values(faults)
            .map(([, text]) => text)
            .filter((text) => !found.some((each) => each.text.includes(text)))
          return missing.length === 0
        },
        150_000,
      ).catch(async (error) => {
        const titles = (await messages(faulty)).map(({ title }) => title)
        throw new Error(`no message: ${missing}\nbut: ${titles.join('\n')}`, { cause: error })
      })
    } finally {
      await Promise.all([thaw(), drain()])
      burning.abort()
    }
  }, 200_000)

  test('a service that is down, within a minute', async () => {
    const found = (await messages(faulty)).find(({ text }) => text.includes('inventory is down'))
    expect(found?.title).toContain('Critical')
    expect((found?.at ?? 0) - faulty.getTime()).toBeLessThan(60_000)
  })
})

describe('logs', () => {
  test('no line is lost, and each is shown once, while collector and store start again', async () => {
    const mark = `mark-${Date.now()}`
    const lines = 20_000
    // To where the container's own lines go.
    const script = `
      const { openSync, writeSync } = require('node:fs')
      const out = openSync('/proc/1/fd/1', 'a')
      const line = (n) => JSON.stringify({ level: 'info', service: 'order', msg: '${mark}', n }) + '\\n'
      let n = 0
      const timer = setInterval(() => {
        for (const end = n + 50; n < end; n += 1) writeSync(out, line(n))
        if (n >= ${lines}) clearInterval(timer)
      }, 50)`
    const writing = execInPod(slotSelector('order', colors(await status()).order ?? null), [
      ...['node', '-e', script],
    ])
    for (const pod of ['--selector=app.kubernetes.io/name=log-collector', 'logs-0'])
      await kubectlOk(
        'delete',
        'pod',
        pod,
        `--namespace=${stack}`,
        '--wait=false',
        '--grace-period=1',
      )
    await writing
    const found = new Set<number>()
    await until('each line is stored', async () => {
      for (const { _msg } of await storedLogs(`"${mark}" | fields _msg`).catch(() => []))
        found.add((JSON.parse(_msg ?? '{}') as { n: number }).n)
      return found.size === lines
    }).catch((error) => {
      throw new Error(`${found.size} of ${lines} lines`, { cause: error })
    })
    // As many as it shows at most: the last ones.
    const most = 10_000
    const { lines: shown } = await shopctlJson<{ lines: { fields: { n: number } }[] }>([
      ...['logs', 'order', '--grep', mark, '--since', '10m', '--limit', String(most)],
    ])
    const numbers = shown.map(({ fields }) => fields.n)
    expect(numbers.toSorted((one, two) => one - two)).toEqual(
      Array.from({ length: most }, (_, index) => lines - most + index),
    )
  }, 150_000)

  test('the way of an order through all services', async () => {
    const begun = new Date().toISOString()
    const orders = startLoad({ url: edgeUrl, rate: 20, seconds: 4, patienceMs: 20_000 })
    const { accepted } = await orders.ended
    expect(accepted).toBeGreaterThan(50)
    let ids: string[] = []
    await until('each order is stored', async () => {
      const found = await storedLogs(`"order placed" _time:>=${begun} | fields orderId`)
      ids = found.map(({ orderId }) => orderId ?? '')
      return ids.length >= accepted
    })
    const check = async (id: string): Promise<void> => {
      const { lines } = await shopctlJson<{
        lines: { service: string; message: string; time: string }[]
      }>(['logs', '--order', id])
      const [first] = lines
      expect(`${first?.service} ${first?.message}`, id).toBe('order order placed')
      // A line is written after the commit, when others may have the event already: any of them may be the last.
      const times = lines.map(({ time }) => time)
      expect(times, id).toEqual(times.toSorted())
      const names = new Set(lines.map(({ service }) => service))
      expect([...names].filter((name) => name !== 'payment').toSorted(), id).toEqual([
        ...['inventory', 'notification', 'order'],
      ])
    }
    for (let from = 0; from < 15; from += 5) await Promise.all(ids.slice(from, from + 5).map(check))
  }, 120_000)
})

// Here, since the end of a busy processor takes a minute and a half.
test.each(Object.entries(faults))(
  'what Slack gets of %s: no message twice, and its end',
  async (_, [service, text]) => {
    const ofGroup = async () =>
      (await messages(faulty)).filter(({ title }) => title.includes(` test ${service}`))
    await until(
      'the end',
      async () => (await ofGroup()).some(({ title }) => title.includes('Resolved')),
      120_000,
    )
    const firing = (await ofGroup()).filter(({ title }) => !title.includes('Resolved'))
    // Another message of this group is due to another alert, and shows all of them.
    const told = firing.map((message) => message.text.split('\n').filter(Boolean))
    const alone = told.filter((lines) => lines.length === 1 && lines[0]?.includes(text))
    expect(alone.length, JSON.stringify(told)).toBeLessThanOrEqual(1)
    expect(told.some((lines) => lines.some((line) => line.includes(text)))).toBe(true)
    expect(firing[0]?.text).toContain('`shopctl ')
  },
  160_000,
)

test('orders do without it, while it is killed and while its disks are full', async () => {
  const outcome = await underLoad({ rate: 20 }, async () => {
    const disks = await mountSmallDisks()
    try {
      await killStack()
      await disks.fill()
      await until('Prometheus has no room', async () =>
        /prometheus_tsdb_wal_writes_failed_total [1-9]/.test(await metricsText('prometheus')),
      )
      await until('the store has no room', async () =>
        /vl_storage_is_read_only\S* 1/.test(await metricsText('logs')),
      )
      await sleep(5_000)
    } finally {
      await disks.remove()
    }
  })
  expect(outcome.failures).toBe(0)
  await killStack()
}, 240_000)
