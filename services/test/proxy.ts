// A proxy that can cut or stall its connections, or block those that publish, as the broker does in an alarm.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { setting } from './infrastructure.ts'

export interface Proxy {
  /** The URL through this proxy. */
  url: string
  /** Resets all connections and refuses new ones until `restore`. */
  cut(): void
  /** Accepts connections, but passes nothing on until `restore`. */
  stall(): void
  restore(): void
  /** Refuses the next `count` connections. */
  refuse(count: number): void
  /** From now on, does not close the connections that a client ends. */
  keep(): void
  /** Reads nothing more from connections that publish, and tells them so, until `unblock`. */
  block(reason: string): void
  unblock(): void
}

/** The beginnings of `basic.publish`, `connection.blocked` and `connection.unblocked`: class and method. */
const basicPublish = Buffer.from([0, 60, 0, 40])
const blocked = [0, 10, 0, 60]
const unblocked = [0, 10, 0, 61]

/** A method frame on channel 0. */
function frame(method: number[], text?: string): Buffer {
  const args = text === undefined ? [] : [text.length, ...Buffer.from(text)]
  const payload = Buffer.from([...method, ...args])
  const head = Buffer.from([1, 0, 0, 0, 0, 0, payload.length])
  return Buffer.concat([head, payload, Buffer.from([0xce])])
}

export function createBrokerProxy(): Promise<Proxy> {
  return createProxy(setting('SHOP_TEST_AMQP_URL'), 5672)
}

export async function createProxy(of: string, defaultPort: number): Promise<Proxy> {
  const target = new URL(of)
  const sockets = new Set<Socket>()
  /** Clients that have published. */
  const publishers = new Set<Socket>()
  let alarm: string | null = null
  let open = true
  let stalled = false
  let refusals = 0
  let kept = false
  const server = createServer({ allowHalfOpen: true }, (client) => {
    client.on('error', () => {})
    if (stalled) return void sockets.add(client)
    if (!open || refusals-- > 0) return void client.destroy()
    const upstream = connect(Number(target.port || defaultPort), target.hostname)
    client.pipe(upstream).pipe(client, { end: !kept })
    client.on('data', (chunk) => {
      if (!chunk.includes(basicPublish) || publishers.has(client)) return
      publishers.add(client)
      if (alarm !== null) stopReading(client, alarm)
    })
    for (const [socket, peer] of [[client, upstream] as const, [upstream, client] as const]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        publishers.delete(socket)
        if (!kept) peer.destroy()
        else sockets.add(peer)
      })
    }
  })
  const stopReading = (client: Socket, reason: string) => {
    client.pause()
    client.write(frame(blocked, reason))
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    open = false
    for (const socket of sockets) socket.resetAndDestroy()
  }
  onTestFinished(() => {
    cut()
    server.close()
  })
  const url = new URL(target)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    cut,
    stall() {
      stalled = true
      for (const socket of sockets) socket.unpipe().pause()
    },
    restore() {
      if (stalled) cut()
      stalled = false
      open = true
    },
    refuse(count) {
      refusals = count
    },
    keep() {
      kept = true
    },
    block(reason) {
      alarm = reason
      for (const client of publishers) stopReading(client, reason)
    },
    unblock() {
      alarm = null
      for (const client of publishers) {
        client.write(frame(unblocked))
        client.resume()
      }
    },
  }
}
