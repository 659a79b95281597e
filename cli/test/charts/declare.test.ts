// The script that declares the topology, with a broker that only remembers entries.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import { charts } from './helm.ts'

type Entry = Record<string, string>
type Topology = Record<string, Entry[]>

const vhost = '/'
const declared: Topology = {
  vhosts: [{ name: vhost }],
  users: [{ name: 'order', tags: '' }],
  permissions: [{ vhost, user: 'order', write: '^events$' }],
  topic_permissions: [{ vhost, user: 'order', exchange: 'events', write: '^order' }],
  exchanges: [],
  queues: [],
  bindings: [],
  policies: [{ vhost, name: 'order', pattern: '^order$' }],
}

/** What identifies an entry, in the order of the API's paths. */
const keys: Record<string, string[]> = {
  permissions: ['vhost', 'user'],
  topic_permissions: ['vhost', 'user', 'exchange'],
  policies: ['vhost', 'name'],
}
const identify = (kind: string, entry: Entry) =>
  (keys[kind] ?? ['name']).map((key) => entry[key]).join()

/** Deletes as RabbitMQ does: a path without an exchange stands for all topic permissions of the user. */
function remove(found: Topology, path: string): boolean {
  const [kind = '', ...parts] = path.split('/').map(decodeURIComponent)
  const name = kind.replace('-', '_')
  const values = parts.map((part) => (part === 'amq.default' ? '' : part))
  const all = found[name] ?? []
  found[name] = all.filter((entry) =>
    values.some((value, index) => entry[keys[name]?.[index] ?? ''] !== value),
  )
  return found[name].length < all.length
}

/** Runs the script, and returns what it asked the broker to change, and the broker's entries after each change. */
async function declare(before: Topology) {
  const folder = await mkdtemp(join(tmpdir(), 'declare-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const script = await readFile(join(charts, 'rabbitmq/files/topology/declare.mts'), 'utf8')
  const secret = join(folder, 'secret')
  await mkdir(secret)
  for (const user of ['admin', 'order']) await writeFile(join(secret, user), 'password')
  await writeFile(join(folder, 'topology.json'), JSON.stringify(declared))
  await writeFile(
    join(folder, 'declare.mts'),
    script.replace("'/run/secrets/rabbitmq'", JSON.stringify(secret)),
  )

  const found = structuredClone(before)
  const steps: { change: string; found: Topology }[] = []
  const server = createServer(async (request, response) => {
    const { method, url = '' } = request
    const path = url.replace('/api/', '')
    const body: Topology = JSON.parse(Buffer.concat(await request.toArray()).toString() || '{}')
    if (method === 'GET') {
      const nodes = [{ name: 'rabbit@rabbitmq-0', running: true }]
      response.end(JSON.stringify(path === 'nodes' ? nodes : found))
      return
    }
    for (const [kind, entries] of Object.entries(body)) {
      const merged = [...(found[kind] ?? []), ...entries].map((one) => [identify(kind, one), one])
      found[kind] = Object.values(Object.fromEntries(merged))
    }
    response.statusCode = method === 'DELETE' && !remove(found, path) ? 404 : 204
    steps.push({ change: `${method} ${path}`, found: structuredClone(found) })
    response.end()
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const env = { BROKER: `http://127.0.0.1:${port}` }
  await promisify(execFile)(process.execPath, [join(folder, 'declare.mts')], { env })
  return steps
}

it('adds what is declared before it deletes what is not, so that nothing is missing meanwhile', async () => {
  const policy = { vhost, name: 'earlier', pattern: '^order$' }
  const steps = await declare({ ...declared, policies: [policy] })
  expect(steps.map(({ change }) => change)).toEqual([
    'POST definitions',
    'DELETE policies/%2F/earlier',
  ])
  for (const { found } of steps) expect(found.policies).not.toEqual([])
})

it('deletes each surplus right alone, and the declared ones stay', async () => {
  const rights = declared.topic_permissions ?? []
  const steps = await declare({
    ...declared,
    permissions: [...(declared.permissions ?? []), { vhost, user: 'guest', write: '.*' }],
    topic_permissions: [
      ...rights,
      { vhost, user: 'order', exchange: 'dead', write: '.*' },
      { vhost, user: 'order', exchange: '', write: '.*' },
    ],
  })
  expect(steps.map(({ change }) => change)).toEqual([
    'POST definitions',
    'DELETE permissions/%2F/guest',
    'DELETE topic-permissions/%2F/order/dead',
    'DELETE topic-permissions/%2F/order/amq.default',
  ])
  // Without any topic permission, the broker would let the user publish everything.
  for (const { found } of steps)
    expect(found.topic_permissions).toEqual(expect.arrayContaining(rights))
  expect(steps.at(-1)?.found).toMatchObject({
    permissions: declared.permissions,
    topic_permissions: rights,
  })
})

it('deletes nothing in a virtual host that it does not declare', async () => {
  const others = { vhost: 'others', user: 'guest', write: '.*' }
  const permissions = [...(declared.permissions ?? []), others]
  const steps = await declare({ ...declared, permissions })
  expect(steps.map(({ change }) => change)).toEqual(['POST definitions'])
})
