// Declares topology.json in the broker, through its HTTP API. Runs after each install and upgrade of the release. It may
// run at any time, because it changes only what differs.
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

type Entry = Record<string, unknown>
type Kind =
  | 'vhosts'
  | 'users'
  | 'permissions'
  | 'topic_permissions'
  | 'exchanges'
  | 'queues'
  | 'bindings'
  | 'policies'
/** RabbitMQ's definitions file. */
type Topology = Record<Kind, Entry[]>

/** The fields that identify an entry. */
const keys: Record<Kind, string[]> = {
  vhosts: ['name'],
  users: ['name'],
  permissions: ['vhost', 'user'],
  topic_permissions: ['vhost', 'user', 'exchange'],
  exchanges: ['vhost', 'name'],
  queues: ['vhost', 'name'],
  bindings: ['vhost', 'source', 'destination_type', 'destination', 'routing_key', 'arguments'],
  policies: ['vhost', 'name'],
}
const kinds = Object.keys(keys) as Kind[]

const broker = process.env.BROKER ?? 'http://rabbitmq:15672'
const nodes = Number(process.env.NODES ?? 1)
const secret = '/run/secrets/rabbitmq'
const deadline = Date.now() + 150_000

const password = async (user: string): Promise<string> => {
  const text = await readFile(`${secret}/${user}`, 'utf8').catch(() => '')
  if (text === '') throw new Error(`Secret rabbitmq: the password ${user} is missing`)
  return text
}

/** JSON that does not depend on the order of keys. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
const identity = (kind: Kind, entry: Entry): string =>
  canonical(keys[kind].map((key) => entry[key] ?? null))
/** The broker adds fields to declared entries, which do not matter. */
const fits = (declared: Entry, found: Entry): boolean =>
  Object.keys(declared).every((key) => canonical(declared[key]) === canonical(found[key]))

/** Declared entries that are missing in the broker, or are different there. */
const missing = (kind: Kind, declared: Topology, found: Topology): Entry[] => {
  const existing = new Map(found[kind].map((entry) => [identity(kind, entry), entry]))
  return declared[kind].filter((entry) => {
    const match = existing.get(identity(kind, entry))
    return !match || !fits(entry, match)
  })
}

const closed = ['permissions', 'topic_permissions', 'policies'] as const
type Closed = (typeof closed)[number]

/**
 * Permissions and policies of the declared virtual hosts that are not declared. They are deleted. Bindings are not, because
 * this runs before a switch, and the live slot or the target of a rollback may still need their events.
 */
const surplus = (kind: Closed, declared: Topology, found: Topology): Entry[] => {
  const wanted = new Set(declared[kind].map((entry) => identity(kind, entry)))
  const vhosts = new Set(declared.vhosts.map(({ name }) => name))
  return found[kind].filter(
    (entry) => vhosts.has(entry.vhost) && !wanted.has(identity(kind, entry)),
  )
}

const path = (...parts: unknown[]): string =>
  `/api/${parts.map((part) => encodeURIComponent(String(part))).join('/')}`

const parsed = (text: string): unknown => (text === '' ? null : JSON.parse(text))

const adviceFor = (status: number): string =>
  status === 401 ? ' (the server reads its password when it starts: restart it)' : ''

/** Retries while the broker is starting. Any other error is final. */
const request = async <T,>(method: string, route: string, body?: unknown): Promise<T> => {
  const login = `admin:${await password('admin')}`
  const authorization = `Basic ${Buffer.from(login).toString('base64')}`
  for (;;) {
    let trouble: string
    try {
      const response = await fetch(`${broker}${route}`, {
        method,
        headers: { authorization, 'content-type': 'application/json' },
        signal: AbortSignal.timeout(30_000),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      if (response.ok) return parsed(text) as T
      trouble = `${method} ${route} → ${response.status} ${text.slice(0, 500)}${adviceFor(response.status)}`
      if (response.status < 500) throw new RangeError(trouble)
    } catch (error) {
      if (error instanceof RangeError) throw error
      trouble = `${method} ${route}: ${(error as Error).cause ?? error}`
    }
    if (Date.now() > deadline) throw new Error(trouble)
    await sleep(300)
  }
}

const definitions = (): Promise<Topology> => request('GET', '/api/definitions')

const running = async (): Promise<string[]> => {
  for (;;) {
    const found = await request<{ name: string; running: boolean }[]>('GET', '/api/nodes')
    const names = found.filter((node) => node.running).map(({ name }) => name)
    if (names.length >= nodes) return names
    if (Date.now() > deadline) throw new Error(`only ${names.length} of ${nodes} nodes are running`)
    await sleep(500)
  }
}

/**
 * Names the exchange of a topic permission. Without it, all topic permissions of the user would go, and while a user has
 * none, the broker lets it publish with any routing key. The default exchange has no name, and the path needs one.
 */
const surplusPath = (kind: Closed, { vhost, name, user, exchange }: Entry): string => {
  switch (kind) {
    case 'permissions':
      return path('permissions', vhost, user)
    case 'topic_permissions':
      return path('topic-permissions', vhost, user, exchange || 'amq.default')
    case 'policies':
      return path('policies', vhost, name)
  }
}

/** Adds members to queues. A queue that is older than a node has no member on that node. */
const growQueues = async (declared: Topology): Promise<void> => {
  const wanted = new Set(declared.queues.map((queue) => identity('queues', queue)))
  for (let grown = false; ; grown = true) {
    const queues = await request<(Entry & { members: string[] })[]>('GET', '/api/queues')
    const small = queues.filter(
      (queue) => wanted.has(identity('queues', queue)) && queue.members.length < nodes,
    )
    // The leaders are still on the nodes that were there before, so spread them.
    if (small.length === 0) return grown ? request('POST', '/api/rebalance/queues') : undefined
    if (Date.now() > deadline)
      throw new Error(`${small.length} queues have fewer than ${nodes} members`)
    const vhosts = new Set(small.map(({ vhost }) => vhost))
    for (const node of await running()) {
      for (const vhost of vhosts) {
        const where = { vhost_pattern: `^${vhost}$`, queue_pattern: '.*', strategy: 'all' }
        await request('POST', path('queues', 'quorum', 'replicas', 'on', node, 'grow'), where)
      }
    }
  }
}

const declared = JSON.parse(
  await readFile(new URL('topology.json', import.meta.url), 'utf8'),
) as Topology
await running()
const before = await definitions()
const users = await Promise.all(
  declared.users.map(async (user) => ({ ...user, password: await password(String(user.name)) })),
)
await request('POST', '/api/definitions', { ...declared, users })
// After the import, so that a queue is never without a policy when another one takes its place.
for (const kind of closed) {
  for (const entry of surplus(kind, declared, before)) {
    await request('DELETE', surplusPath(kind, entry))
    console.log(`removed from ${kind}: ${canonical(entry)}`)
  }
}
if (nodes > 1) await growQueues(declared)

const after = await definitions()
const wrong = kinds.flatMap((kind) =>
  missing(kind, declared, after).map((entry) => `${kind}: ${canonical(entry)}`),
)
if (wrong.length > 0) {
  // The broker never changes the type or the arguments of an existing entry.
  throw new Error(`these are different in the broker:\n${wrong.join('\n')}`)
}
for (const kind of kinds) {
  const added = missing(kind, declared, before).length
  console.log(`${kind}: ${declared[kind].length}, ${added} of them added or changed`)
}
