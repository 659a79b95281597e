// Compares a broker with what its chart declares; pure except `compareBroker`.
import { refused } from '../../errors.ts'
import { canonical } from '../canonical.ts'
import type { Broker, Topology } from '../ports/cluster.ts'
import { type Refusal, refuse } from '../refusal.ts'

type Entry = Record<string, unknown>

interface Kind {
  /** The fields that identify an entry. */
  keys: readonly string[]
  name(entry: Entry): string
  /**
   * Whether an undeclared entry is a difference: it may grant rights that nobody declared. An undeclared binding is
   * none: the slot of a rollback may need it.
   */
  closed?: true
}

function within({ vhost }: Entry): string {
  return ` in vhost ${vhost}`
}

const kinds: Record<string, Kind> = {
  vhosts: { keys: ['name'], name: ({ name }) => `vhost ${name}` },
  users: { keys: ['name'], name: ({ name }) => `user ${name}` },
  exchanges: { keys: ['vhost', 'name'], name: (entry) => `exchange ${entry.name}${within(entry)}` },
  queues: { keys: ['vhost', 'name'], name: (entry) => `queue ${entry.name}${within(entry)}` },
  bindings: {
    keys: ['vhost', 'source', 'destination_type', 'destination', 'routing_key', 'arguments'],
    name: (entry) =>
      `binding ${entry.source} → ${entry.destination} by ${entry.routing_key}${within(entry)}`,
  },
  policies: {
    keys: ['vhost', 'name'],
    name: (entry) => `policy ${entry.name}${within(entry)}`,
    closed: true,
  },
  permissions: {
    keys: ['vhost', 'user'],
    name: (entry) => `permission of ${entry.user}${within(entry)}`,
    closed: true,
  },
  topic_permissions: {
    keys: ['vhost', 'user', 'exchange'],
    name: (entry) => `topic permission of ${entry.user} on ${entry.exchange}${within(entry)}`,
    closed: true,
  },
}

function identity({ keys }: Kind, entry: Entry): string {
  return canonical(keys.map((key) => entry[key] ?? null))
}

/** The broker returns more fields than were declared. */
function isAsDeclared(declared: Entry, found: Entry): boolean {
  return Object.keys(declared).every((key) => canonical(declared[key]) === canonical(found[key]))
}

/** One line per difference, missing entries first. Vhosts that are not declared are ignored. */
export function compareTopology(declared: Topology, found: Topology): string[] {
  const missing: string[] = []
  const changed: string[] = []
  const extra: string[] = []
  for (const [kind, rules] of Object.entries(kinds)) {
    const existing = new Map((found[kind] ?? []).map((entry) => [identity(rules, entry), entry]))
    const wanted = new Set<string>()
    for (const entry of declared[kind] ?? []) {
      const id = identity(rules, entry)
      wanted.add(id)
      const match = existing.get(id)
      if (!match) missing.push(`${rules.name(entry)} is missing`)
      else if (!isAsDeclared(entry, match)) changed.push(`${rules.name(entry)} is not as declared`)
    }
    if (!rules.closed) continue
    for (const [id, entry] of existing)
      if (!wanted.has(id) && isOurs(declared, entry))
        extra.push(`${rules.name(entry)} exists, but is not declared`)
  }
  return [...missing, ...changed, ...extra]
}

function isOurs(declared: Topology, { vhost }: Entry): boolean {
  return (declared.vhosts ?? []).some(({ name }) => name === vhost)
}

export async function compareBroker(broker: Broker): Promise<string[]> {
  const [declared, found] = await Promise.all([broker.declared(), broker.found()])
  return compareTopology(declared, found)
}

const named = 3

/** The first differences as one line. */
export function firstOf(differences: readonly string[]): string {
  const first = differences.slice(0, named).join('; ')
  const more = differences.length - named
  return more > 0 ? `${first}; and ${more} more` : first
}

export function otherTopology(differences: readonly string[]): Refusal {
  return refuse(
    'broker-differs',
    `The broker is not as its chart declares: ${firstOf(differences)}.`,
    'Run `shopctl deploy`: it repairs the broker first.',
  )
}

/** Refuses a switch to consumers that would not get their events. */
export async function checkBroker(broker: Broker): Promise<void> {
  const differences = await compareBroker(broker)
  if (differences.length > 0) throw refused(otherTopology(differences))
}
