// A database without free connections, and one that answers slowly: orders wait, and none is lost.
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { psql } from '../real/database.ts'
import {
  clusterIp,
  ensureLive,
  kubectl,
  kubectlOk,
  restricted,
  secretValue,
  until,
} from '../real/shop.ts'
import { underLoad } from '../real/under-load.ts'

const faults = { rate: 10, allowFailures: true }

beforeAll(ensureLive, 300_000)

function endConnections(): Promise<string> {
  return psql(
    'postgres',
    `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename <> 'postgres'`,
  )
}

test('all connections of the database in use for five seconds', async () => {
  const url = new URL(await secretValue('order', 'database-url'))
  url.hostname = await clusterIp('postgres')
  const most = Number(await psql('postgres', 'SHOW max_connections'))
  const clients: Client[] = []
  const takeOne = async (): Promise<boolean> => {
    const client = new Client({ connectionString: url.href, connectionTimeoutMillis: 3_000 })
    client.on('error', () => {})
    try {
      await client.connect()
      clients.push(client)
      return true
    } catch {
      await client.end().catch(() => {})
      return false
    }
  }
  await underLoad(faults, async () => {
    try {
      await endConnections()
      let free = true
      while (free && clients.length < most) {
        const taken = await Promise.all(Array.from({ length: 20 }, takeOne))
        free = taken.some(Boolean)
      }
      expect(free, 'a connection was still free').toBe(false)
      await sleep(5_000)
    } finally {
      await Promise.all(clients.map((client) => client.end().catch(() => {})))
    }
    await sleep(3_000)
  })
}, 240_000)

const proxy = 'postgres-proxy'
/** Holds each statement for 200 ms before it goes on to the server, also those that were sent together. */
const program = `
const { connect, createServer } = require('node:net')
const { pipeline } = require('node:stream')
const { setTimeout: sleep } = require('node:timers/promises')
async function* slowly(chunks) {
  let rest = Buffer.alloc(0)
  let typeBytes = 0 // The first message has only a length.
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk])
    for (;;) {
      const size = rest.length < typeBytes + 4 ? Infinity : typeBytes + rest.readInt32BE(typeBytes)
      if (rest.length < size) break
      const statement = typeBytes === 1 && 'QE'.includes(String.fromCharCode(rest[0]))
      if (statement) await sleep(200)
      yield rest.subarray(0, size)
      rest = rest.subarray(size)
      typeBytes = 1
    }
  }
}
createServer((client) => {
  const server = connect(5432, process.env.TARGET)
  pipeline(client, slowly, server, () => {})
  pipeline(server, client, () => {})
}).listen(5432)
`

function lead(name: string): Promise<string> {
  return kubectlOk(
    ...['patch', 'service', 'postgres', '--type=merge'],
    `--patch=${JSON.stringify({ spec: { selector: { 'app.kubernetes.io/name': name } } })}`,
  )
}

afterAll(async () => {
  await kubectl('delete', 'pod', proxy, '--ignore-not-found', '--now')
})

test('each statement takes 200 ms longer for five seconds', async () => {
  const target = await kubectlOk('get', 'pod', 'postgres-0', '--output=jsonpath={.status.podIP}')
  await kubectl('delete', 'pod', proxy, '--ignore-not-found', '--now')
  await kubectlOk(
    ...['run', proxy, '--image=node:24-bookworm-slim', '--restart=Never', '--port=5432'],
    ...[`--labels=app.kubernetes.io/name=${proxy}`, `--env=TARGET=${target}`],
    ...restricted(proxy),
    ...['--command', '--', 'node', '--eval', program],
  )
  await kubectlOk('wait', `pod/${proxy}`, '--for=condition=Ready', '--timeout=60s')
  await underLoad(faults, async () => {
    try {
      await lead(proxy)
      await sleep(1_000)
      await endConnections()
      await sleep(5_000)
    } finally {
      await lead('postgres')
    }
    await sleep(500)
    await kubectlOk('delete', 'pod', proxy, '--now')
    await until(
      'nobody is slow any more',
      async () => (await kubectl('get', 'pod', proxy)).exitCode !== 0,
    )
    await sleep(2_000)
  })
}, 240_000)
