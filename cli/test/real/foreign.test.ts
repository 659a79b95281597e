// Two services that know little of shopctl, from a repository of their own, released by the packed CLI: one serves HTTP
// and nothing else, the other is written in Go and consumes.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  type Clients,
  createElsewhere,
  type Elsewhere,
  type Queue,
  startClients,
  startQueue,
} from './foreign.ts'
import { colors, releaseHolds, until } from './shop.ts'

interface Moved {
  services: {
    name: string
    from: string | null
    to: string
    epoch: number | null
    recycled?: { tookMs: number; drained: number; killed: number; unknown: number }
  }[]
}

let elsewhere: Elsewhere
let queue: Queue
let url: string
let workerUrl: string
beforeAll(async () => {
  queue = await startQueue()
  elsewhere = await createElsewhere(queue.url)
}, 120_000)
afterAll(async () => {
  await elsewhere?.remove()
  queue?.close()
}, 120_000)

async function urlOf(service: string): Promise<string> {
  const address = '--output=jsonpath={.spec.clusterIP}'
  return `http://${await elsewhere.tool('kubectl', 'get', 'service', service, address)}`
}

function takers(from = 0): Set<string> {
  return new Set(queue.items.slice(from).flatMap(({ takenBy }) => takenBy))
}

/** What `server.mjs` answers, in milliseconds after the first answer of the new version. */
function lastOldAnswer({ answers }: Clients, before: string, after: string): number {
  const first = answers.find(({ version }) => version === after)?.at ?? Number.NaN
  return (answers.findLast(({ version }) => version === before)?.at ?? Number.NaN) - first
}

/** For how long both slots took items, in milliseconds; negative when nobody did meanwhile. */
function overlap(before: string, after: string): number {
  const first = queue.items.find(({ takenBy }) => takenBy.includes(after))
  const last = queue.items.findLast(({ takenBy }) => takenBy.includes(before))
  return (last?.takenAt ?? Number.NaN) - (first?.takenAt ?? Number.NaN)
}

function failures({ answers }: Clients): number {
  return answers.filter(({ version }) => version === null).length
}

async function untilAllSay(clients: Clients, version: string): Promise<void> {
  await until(`every client is answered by ${version}`, () => {
    const last = clients.answers.slice(-20)
    return last.length === 20 && last.every((answer) => answer.version === version)
  })
}

describe('foreign services', { timeout: 120_000 }, () => {
  test('come up step by step', async () => {
    for (const verb of ['build', 'push', 'deploy']) await elsewhere.ok(verb)
    expect(colors(await elsewhere.status())).toEqual({ web: null, worker: null })
    expect(takers()).toEqual(new Set())
    const early = await elsewhere.shopctl('switch')
    expect(early.stderr).toMatch(/No smoke test has passed/)
    expect(early.exitCode).toBe(2)
    await elsewhere.ok('smoke')
    const text = await elsewhere.ok('switch')
    expect(text).toMatch(/^web +- +blue \S+ +\d+ ms +-$/m)
    expect(text).toMatch(/^worker +- +blue \S+ +\d+ ms +\d+ ms$/m)
    const { services } = await elsewhere.status()
    expect(services.web).toMatchObject({ active: 'blue', epoch: null, slots: { green: null } })
    expect(services.web?.slots.blue).toMatchObject({ replicas: 2, ready: 2, smoked: true })
    expect(services.worker?.slots.blue).toMatchObject({ ready: 2, smoked: true, consumers: 2 })
    url = await urlOf('web')
    workerUrl = await urlOf('worker')
    await until('items are taken', () => queue.items.length > 50)
    expect(takers()).toEqual(new Set(['blue']))
  })

  test('move without a failed request and without an item taken twice, and back', async () => {
    const clients = startClients(url, 8)
    const workers = startClients(workerUrl, 4)
    await elsewhere.edit('service-http/server.mjs', 'version 1', 'version 2')
    // Slow, so that nearly every connection has a request under way whenever a pod ends.
    const slow = 'setTimeout(() => response.end($1), 200)\n'
    await elsewhere.edit('service-http/server.mjs', /response\.end\((.*)\)\n/, slow)
    await elsewhere.edit('service-consumer/main.go', 'version 1', 'version 2')
    await elsewhere.commit('Version 2')
    for (const verb of ['build', 'push', 'deploy', 'smoke']) await elsewhere.ok(verb)
    expect(new Set(clients.answers.map(({ version }) => version))).toEqual(new Set(['version 1']))
    expect(takers()).toEqual(new Set(['blue']))

    const forward = await elsewhere.json<Moved>('switch')
    expect(forward.services).toMatchObject([
      { name: 'web', from: 'blue', to: 'green', epoch: null },
      { name: 'worker', from: 'blue', to: 'green', epoch: null },
    ])
    expect(forward.services[0]?.recycled).toMatchObject({ drained: 2, killed: 0, unknown: 0 })
    expect(forward.services[1]?.recycled).toBeUndefined()
    await untilAllSay(clients, 'version 2')
    // Nothing was restarted here: the pods themselves asked their clients to connect anew.
    await untilAllSay(workers, 'version 2')
    const taken = queue.items.length
    await until('items are taken', () => queue.items.length > taken + 50)
    expect(takers(taken)).toEqual(new Set(['green']))
    tell('switch', clients, forward, 'version 1', 'version 2')
    console.info(
      `switch: the last item of blue came ${overlap('blue', 'green')} ms after the first of green`,
    )

    const back = await elsewhere.json<Moved>('rollback')
    expect(back.services.map(({ to }) => to)).toEqual(['blue', 'blue'])
    expect(back.services[0]?.recycled).toMatchObject({ drained: 2, killed: 0 })
    await untilAllSay(clients, 'version 1')
    await untilAllSay(workers, 'version 1')
    await Promise.all([clients.stop(), workers.stop()])
    expect(failures(clients)).toBe(0)
    expect(failures(workers)).toBe(0)
    await until('items are taken', () => takers(queue.items.length - 20).has('blue'))
    const moved = queue.items.length
    await until('items are taken', () => queue.items.length > moved + 50)
    expect(takers(moved)).toEqual(new Set(['blue']))
  })

  test('a server that does not drain breaks its connections, and the proof says so', async () => {
    await elsewhere.edit('service-http/server.mjs', 'version 2', 'version 3')
    await elsewhere.edit('service-http/server.mjs', /process\.on\('SIGTERM'[\s\S]*\n\}\)\n/, '')
    // It ignores SIGTERM, and the test does not wait for half a minute.
    const grace = '      terminationGracePeriodSeconds: 5\n      containers:'
    await elsewhere.edit('service-http/chart/templates/slot.yaml', '      containers:', grace)
    await elsewhere.commit('Version 3')
    await elsewhere.ok('release', '--service', 'web')
    const clients = startClients(url, 8)
    await untilAllSay(clients, 'version 3')
    const back = await elsewhere.json<Moved>('rollback')
    expect(back.services[0]?.recycled).toMatchObject({ drained: 0, killed: 2, unknown: 0 })
    await untilAllSay(clients, 'version 1')
    await clients.stop()
    expect(failures(clients)).toBeGreaterThan(0)
    expect(failures(clients)).toBeLessThanOrEqual(8)
    tell('rollback from a server that does not drain', clients, back, 'version 3', 'version 1')
  })

  test('a chart with a fixed number of pods gets as many as serve now', async () => {
    await elsewhere.tool('kubectl', 'scale', 'deployment/web-blue', '--replicas=3')
    await elsewhere.edit('service-http/server.mjs', 'version 3', 'version 4')
    await elsewhere.ok('release', '--service', 'web')
    const { web } = (await elsewhere.status()).services
    expect(web?.slots).toMatchObject({ blue: { replicas: 3 }, green: { replicas: 3, ready: 3 } })
    await elsewhere.ok('rollback')
  })

  test('every item was taken once and done once', async () => {
    await queue.drain()
    expect(queue.items.length).toBeGreaterThan(300)
    expect(queue.items.filter(({ takenBy, done }) => takenBy.length !== 1 || done !== 1)).toEqual(
      [],
    )
  })

  test('cleanup leaves what serves', async () => {
    await elsewhere.ok('cleanup')
    const { services } = await elsewhere.status()
    for (const { active, slots } of Object.values(services)) {
      expect(active).toBe('blue')
      expect(slots.green).toBeNull()
    }
    expect((await elsewhere.shopctl('rollback')).exitCode).toBe(2)
  })
})

describe('a chart that is not safe is refused, and nothing is written', () => {
  const slot = 'service-http/chart/templates/slot.yaml'

  // Else they are refused because of the rollbacks above.
  beforeAll(() => releaseHolds((args) => elsewhere.ok(...args)))
  beforeEach(async () => {
    await elsewhere.reset()
    await elsewhere.edit('service-http/server.mjs', /version \d/, 'version 4')
    for (const verb of ['build', 'push']) await elsewhere.ok(verb, '--service', 'web')
  })

  /** What is in the namespace; the lock aside, which every command takes. */
  function everything(): Promise<string> {
    const kinds = 'deployments,services,serviceaccounts,configmaps,secrets'
    const columns = 'KIND:.kind,NAME:.metadata.name,VERSION:.metadata.resourceVersion'
    return elsewhere.tool('kubectl', 'get', kinds, `--output=custom-columns=${columns}`)
  }

  async function expectRefused(code: string, message: RegExp, service = 'web'): Promise<void> {
    const before = await everything()
    const clients = startClients(url, 2)
    const { exitCode, stdout } = await elsewhere.shopctl('deploy', '--service', service, '--json')
    await clients.stop()
    const { error } = JSON.parse(stdout)
    expect(error.code, stdout).toBe(code)
    expect(error.message).toMatch(message)
    expect(exitCode).toBe(2)
    expect(await everything()).toBe(before)
    expect(new Set(clients.answers.map(({ version }) => version))).toEqual(new Set(['version 1']))
  }

  /** As `helm create` makes it, in the place of ours. */
  async function ordinaryChart(): Promise<void> {
    await elsewhere.tool('helm', 'create', 'web')
    await elsewhere.edit('shopctl.yaml', 'service-http/chart', 'web')
  }

  /** The color to what selects the pods, the revision to what is on them alone. */
  async function addLabels(revisionAfter = /^app.kubernetes.io\/managed-by: .*/m): Promise<void> {
    const helpers = 'web/templates/_helpers.tpl'
    const color = 'shopctl.dev/color: {{ .Values.shopctl.color }}'
    const revision = 'shopctl.dev/revision: {{ .Values.shopctl.revision | quote }}'
    await elsewhere.edit(helpers, /^app.kubernetes.io\/instance: .*/m, `$&\n${color}`)
    await elsewhere.edit(helpers, revisionAfter, `$&\n${revision}`)
  }

  test('an ordinary one, whose pods lack the labels', async () => {
    await ordinaryChart()
    await expectRefused('no-slot-labels', /web-blue lack shopctl.dev\/color: blue/)
  })

  test('an ordinary one whose selector has the revision too', async () => {
    await ordinaryChart()
    await addLabels(/^shopctl.dev\/color: .*/m)
    await expectRefused('slot-selects-revision', /web-blue selects its pods by/)
  })

  test('an ordinary one with the labels, whose pods run another image', async () => {
    await ordinaryChart()
    await addLabels()
    await expectRefused('no-slot-image', /No container of web-blue/)
  })

  test('an ordinary one with labels and image, whose Service leads to the slot', async () => {
    await ordinaryChart()
    await addLabels()
    await elsewhere.edit(
      'web/templates/deployment.yaml',
      /image: ".*"/,
      'image: {{ .Values.shopctl.image }}',
    )
    await expectRefused('chart-moves-traffic', /renders a Service web-blue that sends traffic/)
  })

  test('one with a Service that selects by the name alone', async () => {
    await elsewhere.edit(
      slot,
      /$/,
      '---\napiVersion: v1\nkind: Service\nmetadata: { name: "{{ .Release.Name }}" }\nspec:\n  selector: { app.kubernetes.io/name: web }\n  ports: [{ port: 80 }]\n',
    )
    await expectRefused('chart-moves-traffic', /renders a Service web-blue that sends traffic/)
  })

  test('one of a service whose name is taken', async () => {
    await elsewhere.tool('kubectl', 'create', 'service', 'clusterip', 'api', '--tcp=80:8080')
    await elsewhere.edit('shopctl.yaml', '  web:', '  api:')
    for (const verb of ['build', 'push']) await elsewhere.ok(verb, '--service', 'api')
    await expectRefused(
      'foreign-service',
      /The namespace has a Service api that shopctl did not create/,
      'api',
    )
  })

  test('one with an object that both colors share', async () => {
    await elsewhere.edit(
      slot,
      /$/,
      '---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: web-settings }\ndata: {}\n',
    )
    await expectRefused('shared-object', /ConfigMap web-settings for more than one slot/)
  })
})

function tell(
  what: string,
  clients: Clients,
  { services: [web] }: Moved,
  before: string,
  after: string,
): void {
  const { drained = 0, killed = 0, tookMs = 0 } = web?.recycled ?? {}
  console.info(
    `${what}: ${clients.answers.length} requests, ${failures(clients)} failed; last old answer after ${lastOldAnswer(clients, before, after)} ms; ${drained} drained, ${killed} killed in ${tookMs} ms`,
  )
}
