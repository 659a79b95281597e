// The broker of environment `test`, as its administrator: what a test does to it by hand.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Connection } from 'rabbitmq-client'
import { clusterIp, namespace, platformEnv, secretValue } from './shop.ts'

function address(): Promise<string> {
  return clusterIp('rabbitmq')
}
function password(): Promise<string> {
  return secretValue('rabbitmq', 'admin')
}

/** Runs with a connection as the administrator. */
async function connected(work: (connection: Connection) => Promise<void>): Promise<void> {
  const connection = new Connection({
    hostname: await address(),
    username: 'admin',
    password: await password(),
  })
  connection.on('error', () => {})
  try {
    await work(connection)
  } finally {
    await connection.close()
  }
}

/** Publishes bodies straight into a queue, `type` as each message's type. */
export function sendTo(
  queue: string,
  messages: readonly { id: string; type: string; body: unknown }[],
): Promise<void> {
  return connected(async (connection) => {
    const publisher = connection.createPublisher({ confirm: true })
    for (const { id, type, body } of messages) {
      const envelope = { routingKey: queue, messageId: id, type, durable: true, mandatory: true }
      await publisher.send(envelope, Buffer.from(JSON.stringify(body)))
    }
    await publisher.close()
  })
}

/** Fills a new queue that nobody reads. Resolves to what deletes it. */
export async function flood(queue: string, count: number): Promise<() => Promise<unknown>> {
  await connected(async (connection) => {
    await connection.queueDeclare({ queue, durable: true })
    const publisher = connection.createPublisher({ confirm: true })
    const envelope = { routingKey: queue, durable: true }
    await Promise.all(Array.from({ length: count }, () => publisher.send(envelope, 'x')))
    await publisher.close()
  })
  return () => manage('DELETE', `/queues/%2F/${queue}`)
}

/** Asks the management API; the path begins below `/api`. */
export async function manage(method: 'GET' | 'DELETE', path: string): Promise<unknown> {
  const credentials = Buffer.from(`admin:${await password()}`).toString('base64')
  const response = await fetch(`http://${await address()}:15672/api${path}`, {
    method,
    headers: { authorization: `Basic ${credentials}` },
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`)
  return response.status === 204 ? null : response.json()
}

/** Runs in the broker itself: five lines a second, each with `<queue>:<address of the consumer's pod>` of all consumers. */
const listConsumers = `
  Look = fun(C) ->
    {resource, _, queue, Queue} = proplists:get_value(queue_name, C),
    [{connection, Pid}] = rabbit_channel:info(proplists:get_value(channel_pid, C), [connection]),
    [{name, Name}] = rabbit_reader:info(Pid, [name]),
    [Queue, $:, hd(binary:split(Name, <<":">>))]
  end,
  Loop = fun Loop(0) -> done; Loop(Left) ->
    Seen = lists:flatmap(fun(C) -> try [Look(C)] catch _:_ -> [] end end, rabbit_amqqueue:consumers_all(<<"/">>)),
    io:format("~s~n", [lists:join($ , [iolist_to_binary(One) || One <- Seen])]),
    timer:sleep(200),
    Loop(Left - 1)
  end,
  Loop(1500).`

/** Who consumes the live queues while `body` runs: every `<queue>:<pod address>` seen, in how many samples. */
export async function watchConsumers(
  body: () => Promise<void>,
): Promise<{ seen: Set<string>; samples: number }> {
  const args = ['-n', namespace, 'exec', 'rabbitmq-0', '--container=rabbitmq', '--']
  const look = ['rabbitmqctl', 'eval', '--timeout', '600', listConsumers]
  const child = spawn('kubectl', [...args, ...look], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...(await platformEnv()) },
  })
  const seen = new Set<string>()
  let samples = 0
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    samples += 1
    for (const one of line.split(' ').filter(Boolean)) seen.add(one)
  })
  try {
    await once(lines, 'line')
    await body()
  } finally {
    child.kill()
  }
  return { seen, samples }
}
