// RabbitMQ's topology: as its chart declares it, and as its management API reports it.
import { request } from 'node:http'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { V1ConfigMap, V1PodList, V1Secret, V1StatefulSet } from '@kubernetes/client-node'
import { refused, said } from '../../errors.ts'
import type { Broker, QueueDepth, Topology } from '../../release/ports/cluster.ts'
import type { Mask } from '../../release/ports/session.ts'
import { type Limit, noAnswer } from '../shell.ts'
import type { KubernetesApi } from './api.ts'
import { isActive, podOf, queryOf } from './objects.ts'

const managementPort = 15_672
const admin = 'admin'

/** How the management API is reached. */
interface Access {
  pod: string
  /** The administrator's password. */
  secret: string
}

/** RabbitMQ's answer about an alarm. `resource`: `memory`, `disk space`. */
interface Alarm {
  node: string
  resource: string
}

interface Node {
  name: string
  running: boolean
  being_drained?: boolean
}

/**
 * `name` is the name of the StatefulSet and of the Secret with the passwords. The ConfigMap is `<name>-topology`.
 * `limit` is for the whole answer: a switch waits for it. `mask` gets the password.
 */
export function createBroker(
  api: KubernetesApi,
  namespace: string,
  name: string,
  { limit, mask }: { limit: Limit; mask: Mask },
): Broker {
  const core = `/api/v1/namespaces/${namespace}`
  const unreachable = (why: string, cause?: unknown): Error =>
    refused({
      code: 'broker-unreachable',
      message: `The topology of the broker ${name} cannot be read (management API, port ${managementPort}): ${why}.`,
      hint: `Run \`kubectl -n ${namespace} describe statefulset ${name}\`, then run the command again.`,
      cause,
    })

  const readyPod = async (): Promise<string> => {
    const set = await api.get<V1StatefulSet>(
      `/apis/apps/v1/namespaces/${namespace}/statefulsets/${name}`,
    )
    if (!set) throw unreachable(`there is no StatefulSet ${name}`)
    const selector = queryOf(set.spec?.selector.matchLabels ?? {})
    const list = await api.get<V1PodList>(`${core}/pods?${selector}`)
    const pods = (list?.items ?? []).filter(isActive)
    const ready = pods.find((pod) => podOf(pod).ready)
    if (!ready) throw unreachable(`none of its ${pods.length} pods is ready`)
    return ready.metadata?.name ?? ''
  }
  const password = async (): Promise<string> => {
    const secret = await api.get<V1Secret>(`${core}/secrets/${name}`)
    const found = secret?.data?.[admin]
    if (found === undefined) throw unreachable(`the Secret ${name} has no password ${admin}`)
    const text = Buffer.from(found, 'base64').toString()
    mask(text)
    return text
  }
  // Those that ask at the same time share one answer.
  let finding: Promise<Access> | null = null
  const findAccess = (): Promise<Access> => {
    finding ??= Promise.all([readyPod(), password()])
      .then(([pod, secret]) => ({ pod, secret }))
      .finally(() => {
        finding = null
      })
    return finding
  }
  const ask = async <T>({ pod, secret }: Access, path: string): Promise<T> => {
    const done = new AbortController()
    const late = new Promise<never>((_, reject) => {
      const timer = setTimeout(() => reject(unreachable(noAnswer(limit))), limit.seconds * 1000)
      done.signal.addEventListener('abort', () => clearTimeout(timer))
    })
    const asked = api
      .forward({ namespace, pod, port: managementPort })
      .then((connection) => answerOf<T>(connection, path, secret, done.signal))
      .catch((cause) => {
        throw unreachable(said(cause), cause)
      })
    try {
      return await Promise.race([asked, late])
    } finally {
      done.abort()
    }
  }

  return {
    async declared() {
      const map = await api.get<V1ConfigMap>(`${core}/configmaps/${name}-topology`)
      const declaration = map?.data?.['topology.json']
      if (declaration !== undefined) return JSON.parse(declaration) as Topology
      throw refused({
        code: 'broker-undeclared',
        message: `The broker ${name} has no declared topology: there is no ConfigMap ${name}-topology with a topology.json.`,
        hint: 'Run `shopctl deploy`: it updates the broker first.',
      })
    },
    found: async () => ask<Topology>(await findAccess(), '/api/definitions'),
    async queues() {
      // The counts come from the queues themselves: the broker need not collect metrics.
      const path = '/api/queues?disable_stats=true&enable_queue_totals=true'
      const found = await ask<Partial<QueueDepth>[]>(await findAccess(), path)
      return found.map(({ vhost = '', name = '', messages = null }) => ({ vhost, name, messages }))
    },
    async problems() {
      const access = await findAccess()
      const [{ alarms = [] }, nodes] = await Promise.all([
        ask<{ alarms?: Alarm[] }>(access, '/api/health/checks/alarms'),
        ask<Node[]>(access, '/api/nodes'),
      ])
      return [
        ...alarms.map(
          ({ node, resource }) => `${resource} alarm on ${node}, so it takes no events`,
        ),
        ...nodes.flatMap(({ name: node, running, being_drained }) => {
          if (!running) return [`node ${node} is down`]
          return being_drained ? [`node ${node} is in maintenance mode`] : []
        }),
      ]
    },
  }
}

/** Over a connection of its own: the API server's proxy removes the credentials of a request. */
async function answerOf<T>(
  connection: Duplex,
  path: string,
  password: string,
  signal: AbortSignal,
): Promise<T> {
  signal.addEventListener('abort', () => connection.destroy())
  const login = Buffer.from(`${admin}:${password}`).toString('base64')
  const answer = await new Promise<{ status: number; body: string }>((resolve, reject) => {
    request({
      createConnection: () => connection,
      host: 'broker',
      path,
      headers: { authorization: `Basic ${login}`, connection: 'close' },
    })
      .on('error', reject)
      .on('response', (response) => {
        const status = response.statusCode ?? 0
        text(response).then((body) => resolve({ status, body }), reject)
      })
      .end()
  })
  if (answer.status === 401)
    throw new Error(
      `it rejects the password ${admin} of the Secret, which it reads only at its start`,
    )
  // A health check that fails answers 503 with its findings.
  if (![200, 503].includes(answer.status)) throw new Error(`it answered ${answer.status}`)
  return JSON.parse(answer.body) as T
}
