// What a broker lacks, has otherwise, and has too much of.
import { describe, expect, it } from 'vitest'
import { failed } from '../../../src/errors.ts'
import { checkBroker, compareTopology, firstOf } from '../../../src/release/move/topology.ts'
import type { Topology } from '../../../src/release/ports/cluster.ts'
import { createFakeBroker, smallTopology } from '../../fakes/topology.ts'

function changed(change: (has: Topology) => void): string[] {
  const has = structuredClone(smallTopology)
  change(has)
  return compareTopology(smallTopology, has)
}

function add(has: Topology, kind: string, entry: Record<string, unknown>): void {
  has[kind] = [...(has[kind] ?? []), entry]
}

describe('a broker', () => {
  it('with what was declared, and fields of its own, differs in nothing', () => {
    const none = changed((has) => {
      for (const entry of Object.values(has).flat()) entry.metadata = { since: 'always' }
      for (const user of has.users ?? []) user.password_hash = 'x'
    })
    expect(none).toEqual([])
  })

  const missing: [string, string][] = [
    ['vhosts', 'vhost / is missing'],
    ['users', 'user order is missing'],
    ['exchanges', 'exchange events in vhost / is missing'],
    ['queues', 'queue order in vhost / is missing'],
    ['bindings', 'binding events → order by stock.reserved.v1 in vhost / is missing'],
    ['policies', 'policy order in vhost / is missing'],
    ['permissions', 'permission of order in vhost / is missing'],
    ['topic_permissions', 'topic permission of order on events in vhost / is missing'],
  ]
  it.each(missing)('without %s', (kind, expected) => {
    expect(changed((has) => void delete has[kind])).toContain(expected)
  })

  const otherwise: [string, (has: Topology) => void, string][] = [
    [
      'a policy that was changed',
      (has) => {
        const policy = has.policies?.[0]
        if (policy) policy.definition = { 'delivery-limit': 20 }
      },
      'policy order in vhost / is not as declared',
    ],
    [
      'a queue of another type',
      (has) => {
        const queue = has.queues?.[0]
        if (queue) queue.arguments = {}
      },
      'queue order in vhost / is not as declared',
    ],
    [
      'more rights',
      (has) => {
        const permission = has.permissions?.[0]
        if (permission) permission.read = '.*'
      },
      'permission of order in vhost / is not as declared',
    ],
    [
      'more routing keys to publish with',
      (has) => {
        const permission = has.topic_permissions?.[0]
        if (permission) permission.write = '.*'
      },
      'topic permission of order on events in vhost / is not as declared',
    ],
    [
      'a binding with a header',
      (has) => {
        const binding = has.bindings?.[0]
        if (binding) binding.arguments = { 'x-match': 'all' }
      },
      'binding events → order by stock.reserved.v1 in vhost / is missing',
    ],
    [
      'a user who may read here',
      (has) => add(has, 'permissions', { vhost: '/', user: 'spy', read: '.*' }),
      'permission of spy in vhost / exists, but is not declared',
    ],
    [
      'a policy of somebody else',
      (has) => add(has, 'policies', { vhost: '/', name: 'all', pattern: '.*' }),
      'policy all in vhost / exists, but is not declared',
    ],
  ]
  it.each(otherwise)('with %s', (_, change, expected) => {
    expect(changed(change)).toContain(expected)
  })

  it('may have queues, exchanges and vhosts of others', () => {
    const none = changed((has) => {
      add(has, 'vhosts', { name: 'theirs' })
      add(has, 'queues', { vhost: '/', name: 'theirs' })
      add(has, 'exchanges', { vhost: '/', name: 'theirs' })
      add(has, 'permissions', { vhost: 'theirs', user: 'they' })
      add(has, 'policies', { vhost: 'theirs', name: 'order' })
      add(has, 'bindings', { vhost: '/', source: 'theirs', destination: 'theirs' })
      add(has, 'bindings', { vhost: 'theirs', source: 'events', destination: 'theirs' })
    })
    expect(none).toEqual([])
  })

  it('that has none of it is described with what counts most', () => {
    expect(firstOf(compareTopology(smallTopology, {}))).toBe(
      'vhost / is missing; user order is missing; exchange events in vhost / is missing; and 6 more',
    )
  })
})

describe('the preflight', () => {
  it('lets a switch pass, or refuses it with the first differences and what puts them right', async () => {
    const broker = createFakeBroker()
    await checkBroker(broker)
    broker.has.bindings = []
    await expect(checkBroker(broker)).rejects.toMatchObject({
      code: 'broker-differs',
      exitCode: 2,
      message: expect.stringContaining('binding events → order by stock.reserved.v1'),
      hint: expect.stringContaining('shopctl deploy'),
    })
  })

  it('passes on why the broker cannot be asked', async () => {
    const broker = createFakeBroker()
    broker.found = async () => {
      throw failed({ code: 'broker-unreachable', message: 'no' })
    }
    await expect(checkBroker(broker)).rejects.toMatchObject({ code: 'broker-unreachable' })
  })
})
