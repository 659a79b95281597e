// The notification service as real processes of both colors. It publishes no events, so its tests can share a broker with
// a running shop.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { orderConfirmed } from '@shop/events/contracts'
import { migrate } from '@shop/kernel/migrate'
import { type FakeKubernetes, startFakeKubernetes } from '@shop/kernel/test/fake-kubernetes'
import { expect, onTestFinished, vi } from 'vitest'
import {
  arrived,
  createSchema,
  createTopology,
  migrationsOf,
  newId,
  setting,
} from './infrastructure.ts'
import { startMailServer } from './mail-server.ts'

export type Color = 'blue' | 'green'

export interface Pod {
  process: ChildProcess
  port: number
  previewPort: number
  managementPort: number
  /** GETs JSON from the management port, with the operator's token. */
  manage(path: string): Promise<Record<string, unknown>>
}

const folder = new URL('../notification/', import.meta.url)
let nextPort = 21_000 + (process.pid % 4_000)

/** `databaseUrl` is that of an empty database for the live plane. */
export async function createSlots({ databaseUrl }: { databaseUrl?: string } = {}) {
  const [url, previewUrl, topology, mail] = await Promise.all([
    databaseUrl ?? createSchema(),
    createSchema(),
    createTopology(),
    startMailServer(),
  ])
  const queue = `test.${newId()}`
  await topology.declare(queue, orderConfirmed.type)
  // The exchange is the shop's, because its name is a constant. Only the queue is the test's own.
  const kubernetes = await startFakeKubernetes('notification', 'notification-preview')
  kubernetes.addUser(`system:serviceaccount:test:${queue}-operator`, 'operator')
  onTestFinished(() => kubernetes.close())

  function start(color: Color, env: Record<string, string> = {}): Pod {
    const [port, previewPort, managementPort] = [nextPort++, nextPort++, nextPort++]
    const child = spawn(process.execPath, [fileURLToPath(new URL('main.ts', folder))], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        SERVICE_NAME: queue,
        SLOT_COLOR: color,
        SLOT_REVISION: `revision-of-${color}`,
        SLOT_VERSION: `version-of-${color}`,
        POD_NAME: `notification-${color}-0`,
        POD_NAMESPACE: 'test',
        STABLE_SERVICE: 'notification',
        PREVIEW_SERVICE: 'notification-preview',
        PORT: String(port),
        PREVIEW_PORT: String(previewPort),
        MANAGEMENT_PORT: String(managementPort),
        DATABASE_URL: url,
        AMQP_URL: setting('SHOP_TEST_AMQP_URL'),
        PREVIEW_DATABASE_URL: previewUrl,
        PREVIEW_AMQP_URL: setting('SHOP_TEST_PREVIEW_AMQP_URL'),
        KUBERNETES_SERVICE_HOST: '127.0.0.1',
        KUBERNETES_SERVICE_PORT: String(kubernetes.port),
        SERVICE_ACCOUNT_DIR: kubernetes.serviceAccountDir,
        SMTP_URL: mail.url,
        ...env,
      },
    })
    onTestFinished(async () => {
      if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit')
    })
    return {
      process: child,
      port,
      previewPort,
      managementPort,
      manage: async (path) => {
        const headers = { 'x-shopctl-token': 'operator' }
        return (
          await fetch(`http://127.0.0.1:${managementPort}${path}`, { headers })
        ).json() as never
      },
    }
  }

  return {
    start,
    url,
    mail,
    kubernetes,
    previewUrl,
    publish: (count: number) => {
      const ids = Array.from({ length: count }, newId)
      const customer = { email: 'ada@example.com' }
      return topology.publish(
        ids.map((id) => arrived(orderConfirmed, id, { orderId: id, customer })),
      )
    },
    migrate: async () => {
      const migrations = await migrationsOf('notification')
      await Promise.all([url, previewUrl].map((each) => migrate(each, migrations)))
    },
    select: (color: Color, service?: string) => select(kubernetes, color, service),
  }
}

function select(kubernetes: FakeKubernetes, color: Color, service?: string): void {
  const revision = `revision-of-${color}`
  kubernetes.select({ 'shopctl.dev/color': color, 'shopctl.dev/revision': revision }, service)
}

export function eventually(check: () => Promise<void> | void, timeout = 20_000) {
  return vi.waitFor(check, { timeout, interval: 20 })
}

export function untilReady(pod: Pod) {
  return eventually(async () => expect(await pod.manage('/readyz')).toMatchObject({ ready: true }))
}

export function untilConsuming(pod: Pod, consuming: boolean) {
  return eventually(async () => expect(await pod.manage('/role')).toMatchObject({ consuming }))
}

export function messageIds(mails: string[]) {
  return mails.map((one) => /^Message-ID: (.*)$/m.exec(one)?.[1])
}
