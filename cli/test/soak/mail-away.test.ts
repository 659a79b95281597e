// The mail server is away under load: mails wait, no message is parked, and each mail is sent when it is back.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { copyTree, kubectlOk, shopctlJson, shopctlOk, until } from '../real/shop.ts'
import { underLoad } from '../real/under-load.ts'

/** This machine, as pods reach it, and the mail server of the platform. */
const host = '10.245.0.1'
const port = 1025

/** A way to the mail server, which refuses connections while it is cut. */
async function openWay() {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(port, host)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.pipe(upstream).pipe(client)
  })
  const listen = async (at: number) => {
    server.listen(at, host)
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const own = await listen(0)
  return {
    url: `smtp://${host}:${own}`,
    cut() {
      server.close()
      for (const socket of sockets) socket.resetAndDestroy()
    },
    restore: () => listen(own),
  }
}

interface Stuck {
  state: string
  attempts: number
  reason: string
}

async function stuck(): Promise<Stuck[]> {
  const list = ['messages', 'list', '--service', 'notification']
  return (await shopctlJson<{ messages: Stuck[] }>(list)).messages
}

let way: Awaited<ReturnType<typeof openWay>>

beforeAll(async () => {
  way = await openWay()
  await shopctlOk(['release'])
  const tree = await copyTree()
  await tree.edit('charts/values/test/notification.yaml', `smtp://${host}:${port}`, way.url)
  await shopctlOk(['release', '--service', 'notification'], { cwd: tree.dir })
  await tree.remove()
}, 600_000)

afterAll(async () => {
  await shopctlOk(['rollback'])
  way.cut()
}, 60_000)

test('the mail server is away for 40 seconds: nothing is parked, and all mails are sent', async () => {
  const { load, audit } = await underLoad({ rate: 5 }, async () => {
    way.cut()
    await until('mails wait', async () => (await stuck()).length > 20)
    const selector = 'app.kubernetes.io/name=notification'
    const pods = (await kubectlOk('get', 'pods', '-l', selector, '-o', 'name')).split('\n')
    for (const pod of pods.filter(Boolean)) await kubectlOk('delete', pod, '--wait=false')
    await sleep(30_000)
    const waiting = await stuck()
    expect(waiting.length).toBeGreaterThan(100)
    for (const { state, attempts, reason } of waiting) {
      expect([state, attempts]).toEqual(['retrying', 0])
      expect(reason).toContain('the mail server')
    }
    await way.restore()
    await until('nothing waits', async () => (await stuck()).length === 0, 60_000)
  })
  expect(audit.parked).toBe(0)
  expect(audit.notifications).toBeGreaterThanOrEqual(load.accepted)
}, 400_000)
