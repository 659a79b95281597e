// RabbitMQ and Postgres by their charts, in a namespace of their own and without the services of the shop.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Connection } from 'rabbitmq-client'
import { onTestFinished } from 'vitest'
import { createShell, type Finished } from '../../src/adapters/shell.ts'
import { platformEnv, root } from './shop.ts'

type Chart = 'postgres' | 'rabbitmq'

export const services = ['order', 'inventory', 'payment', 'notification']
const shell = createShell()

/** Nothing is made before `create`; `prefix` begins the namespace's name. */
export function createDependencies(prefix: string) {
  const namespace = `${prefix}-${randomBytes(3).toString('hex')}`
  const addresses: Record<Chart, string> = { postgres: '', rabbitmq: '' }
  const passwords = Object.fromEntries(
    ['admin', 'cookie', ...services, ...services.map((service) => `${service}_preview`)].map(
      (user) => [user, randomBytes(12).toString('hex')] as const,
    ),
  )

  const run = async (
    program: 'helm' | 'kubectl',
    args: string[],
    input?: string,
  ): Promise<Finished> =>
    shell.run({
      program: 'sh',
      args: ['-c', `exec ${program} "$@"`, program, '--namespace', namespace, ...args],
      env: await platformEnv(),
      ...(input !== undefined && { input }),
    })

  const ok = async (...[program, args, input]: Parameters<typeof run>): Promise<string> => {
    const { exitCode, stdout, stderr } = await run(program, args, input)
    if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
    return stdout
  }

  /** The namespace and the passwords. */
  const create = async (): Promise<void> => {
    await ok('kubectl', ['create', 'namespace', namespace])
    for (const name of ['postgres', 'rabbitmq']) {
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: passwords }
      await ok('kubectl', ['create', '--filename=-'], JSON.stringify(secret))
    }
  }

  const remove = (): Promise<Finished> =>
    run('kubectl', ['delete', 'namespace', namespace, '--wait=false'])

  const install = async (chart: Chart, ...settings: string[]): Promise<void> => {
    const values = join(root, `charts/values/${chart}.yaml`)
    const files = [join(root, 'charts', chart), '--values', values]
    const how = ['--server-side=true', '--force-conflicts', '--wait', '--timeout=180s']
    await ok('helm', ['upgrade', '--install', chart, ...files, ...how, ...settings])
    const path = '--output=jsonpath={.spec.clusterIP}'
    addresses[chart] = await ok('kubectl', ['get', 'service', chart, path])
  }

  const connect = (user: string, vhost = '', options: object = {}): Connection => {
    const connection = new Connection({
      url: `amqp://${user}:${passwords[user]}@${addresses.rabbitmq}:5672${vhost}`,
      acquireTimeout: 5_000,
      ...options,
    })
    connection.on('error', () => {})
    // Not awaited: one that was refused would go on trying.
    onTestFinished(() => void connection.close())
    return connection
  }

  const api = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const credentials = Buffer.from(`admin:${passwords.admin}`).toString('base64')
    const response = await fetch(`http://${addresses.rabbitmq}:15672/api/${path}`, {
      method,
      headers: { authorization: `Basic ${credentials}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(30_000),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${method} ${path} → ${response.status}`)
    return (response.status === 200 ? await response.json() : null) as T
  }

  /** For every queue, how many of its members are online. */
  const members = async (): Promise<number[]> => {
    const queues = await api<{ online: string[] }[]>('GET', 'queues')
    return queues.map(({ online }) => online.length)
  }

  /** The name of the pod. */
  const leaderOf = async (queue: string): Promise<string> => {
    const { leader } = await api<{ leader: string }>('GET', `queues/%2F/${queue}`)
    return leader.match(/rabbitmq-\d/)?.[0] ?? ''
  }

  return {
    addresses,
    passwords,
    run,
    ok,
    create,
    remove,
    install,
    connect,
    api,
    members,
    leaderOf,
  }
}

export async function drain(connection: Connection, queue: string): Promise<string[]> {
  for (const all: string[] = []; ; ) {
    const message = await connection.basicGet({ queue, noAck: true })
    if (!message) return all
    all.push(String(message.body))
  }
}
