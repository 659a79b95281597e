// A connection to a port of a pod through the API server, whose HTTP proxy would remove credentials.
import { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Transport } from './transport.ts'

export interface PodPort {
  namespace: string
  pod: string
  port: number
}

/** The first byte of every message. */
const dataChannel = 0
const errorChannel = 1
/** The first message on each channel repeats the port. */
const portBytes = 2

export async function forward(
  transport: Transport,
  { namespace, pod, port }: PodPort,
): Promise<Duplex> {
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/portforward?ports=${port}`
  const socket = await transport.webSocket(path, ['v4.channel.k8s.io'])
  return connectionOver(socket)
}

function connectionOver(socket: WebSocket): Duplex {
  const started = new Set<number>()
  const connection = new Duplex({
    read: () => socket.resume(),
    write(chunk: Buffer, _, done) {
      socket.send(Buffer.concat([Buffer.of(dataChannel), chunk]), done)
    },
    final(done) {
      socket.close()
      done()
    },
    destroy(error, done) {
      socket.close()
      done(error)
    },
  })
  socket.on('message', (data: Buffer) => {
    const channel = data[0] ?? dataChannel
    const content = data.subarray(started.has(channel) ? 1 : 1 + portBytes)
    started.add(channel)
    if (content.length === 0) return
    if (channel === errorChannel) connection.destroy(new Error(short(String(content))))
    else if (!connection.push(content)) socket.pause()
  })
  socket.on('error', (error) => connection.destroy(error))
  socket.on('close', () => connection.push(null))
  socket.resume()
  return connection
}

/** The kubelet's message begins with network namespaces and ends with the reason. */
function short(complaint: string): string {
  return /(dial tcp\S* \S+: .*?)( IPv6|$)/.exec(complaint.trim())?.[1] ?? complaint.trim()
}
