// The broker of environment `test`, as its administrator: what a test does to it by hand.
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from 'rabbitmq-client'
import { kubectlOk } from './shop.ts'

const address = (): Promise<string> =>
  kubectlOk('get', 'service', 'rabbitmq', '--output=jsonpath={.spec.clusterIP}')

const password = async (): Promise<string> =>
  Buffer.from(
    await kubectlOk('get', 'secret', 'rabbitmq', '--output=jsonpath={.data.admin}'),
    'base64',
  ).toString()

/** Publishes bodies straight into a queue, `type` as each message's type. */
export const sendTo = async (
  queue: string,
  messages: readonly { id: string; type: string; body: unknown }[],
): Promise<void> => {
  const connection = new Connection({
    hostname: await address(),
    username: 'admin',
    password: await password(),
  })
  connection.on('error', () => {})
  try {
    const publisher = connection.createPublisher({ confirm: true })
    for (const { id, type, body } of messages) {
      const envelope = { routingKey: queue, messageId: id, type, durable: true, mandatory: true }
      await publisher.send(envelope, Buffer.from(JSON.stringify(body)))
    }
    await publisher.close()
  } finally {
    await connection.close()
  }
}

/** Asks the management API; the path begins below `/api`. */
export const manage = async (method: 'GET' | 'DELETE', path: string): Promise<unknown> => {
  const credentials = Buffer.from(`admin:${await password()}`).toString('base64')
  const response = await fetch(`http://${await address()}:15672/api${path}`, {
    method,
    headers: { authorization: `Basic ${credentials}` },
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`)
  await sleep(0)
  return response.status === 204 ? null : response.json()
}
