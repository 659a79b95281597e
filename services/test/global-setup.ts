// Installs Postgres and RabbitMQ for these tests from the shop's charts, and removes them afterwards.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { createShell } from '../../cli/src/adapters/shell.ts'
import { platformEnv, root } from '../../cli/test/real/shop.ts'

// Concurrent runs need separate namespaces.
const namespace = process.env.SHOP_PARTS_NAMESPACE ?? 'shop-parts'
const services = ['order', 'inventory', 'payment', 'notification']
const users = [
  ...['admin', 'cookie', 'monitor', ...services],
  ...services.map((service) => `${service}_preview`),
]
const shell = createShell()

async function tool(program: 'helm' | 'kubectl', args: string[], input?: string): Promise<string> {
  return shell.check({
    program: 'sh',
    args: ['-c', `exec ${program} "$@"`, program, '--namespace', namespace, ...args],
    env: await platformEnv(),
    ...(input !== undefined && { input }),
  })
}

function removeNamespace(): Promise<string> {
  return tool('kubectl', ['delete', 'namespace', namespace, '--ignore-not-found', '--timeout=120s'])
}

async function install(name: string, passwords: Record<string, string>): Promise<string> {
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: passwords }
  await tool('kubectl', ['create', '--filename=-'], JSON.stringify(secret))
  const values = join(root, `charts/values/${name}.yaml`)
  const chart = join(root, 'charts', name)
  await tool('helm', ['install', name, chart, '--values', values, '--wait', '--timeout=180s'])
  return tool('kubectl', ['get', 'service', name, '--output=jsonpath={.spec.clusterIP}'])
}

export async function setup(): Promise<void> {
  await removeNamespace()
  await tool('kubectl', ['create', 'namespace', namespace])
  const passwords = Object.fromEntries(
    users.map((user) => [user, randomBytes(16).toString('hex')] as const),
  )
  const [postgres, rabbitmq] = await Promise.all([
    install('postgres', passwords),
    install('rabbitmq', passwords),
  ])
  process.env.SHOP_TEST_DATABASE_URL = `postgresql://postgres:${passwords.admin}@${postgres}:5432/order`
  process.env.SHOP_TEST_MONITOR_PASSWORD = passwords.monitor
  process.env.SHOP_TEST_AMQP_URL = `amqp://admin:${passwords.admin}@${rabbitmq}:5672`
  process.env.SHOP_TEST_PREVIEW_AMQP_URL = `${process.env.SHOP_TEST_AMQP_URL}/preview`
}

export async function teardown(): Promise<void> {
  await removeNamespace()
}
