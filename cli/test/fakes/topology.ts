// What a small broker has to have, with the fields that RabbitMQ's definitions have.
import type { Broker, QueueDepth, Topology } from '../../src/release/ports/cluster.ts'

function binding(source: string, destination: string, routing_key: string) {
  return {
    vhost: '/',
    source,
    destination,
    destination_type: 'queue',
    routing_key,
    arguments: {},
  }
}

export const smallTopology: Topology = {
  vhosts: [{ name: '/' }],
  users: [{ name: 'order', tags: [] }],
  permissions: [{ vhost: '/', user: 'order', configure: '^$', write: '^events$', read: '^order$' }],
  topic_permissions: [
    { vhost: '/', user: 'order', exchange: 'events', write: '^retry\\.order$', read: '^$' },
  ],
  exchanges: [
    {
      vhost: '/',
      name: 'events',
      type: 'topic',
      durable: true,
      auto_delete: false,
      internal: false,
      arguments: {},
    },
  ],
  queues: [
    {
      vhost: '/',
      name: 'order',
      durable: true,
      auto_delete: false,
      arguments: { 'x-queue-type': 'quorum' },
    },
  ],
  bindings: [
    binding('events', 'order', 'stock.reserved.v1'),
    binding('events', 'order', 'retry.order'),
  ],
  policies: [
    {
      vhost: '/',
      name: 'order',
      pattern: '^order$',
      'apply-to': 'quorum_queues',
      priority: 0,
      definition: { 'delivery-limit': -1, overflow: 'reject-publish' },
    },
  ],
}

export interface FakeBroker extends Broker {
  wants: Topology
  has: Topology
  /** What `problems` answers. */
  ails: string[]
  depths: QueueDepth[]
  upgrade(): void
}

/** A broker that has what it wants, until a test changes that; an upgrade of its chart puts it right. */
export function createFakeBroker(): FakeBroker {
  const broker: FakeBroker = {
    wants: structuredClone(smallTopology),
    has: structuredClone(smallTopology),
    ails: [],
    depths: [{ vhost: '/', name: 'order', messages: 0 }],
    upgrade() {
      broker.has = structuredClone(broker.wants)
    },
    declared: async () => broker.wants,
    found: async () => broker.has,
    queues: async () => broker.depths,
    problems: async () => broker.ails,
  }
  return broker
}
