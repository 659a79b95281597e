// A client that sends bytes as they are, for requests that no HTTP library would send.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface Wire {
  socket: Socket
  /** Everything that was received so far. */
  received(): string
  /** Resolves when the server has closed the connection, with everything that was received. */
  closed: Promise<string>
}

export async function openWire(port: number, bytes = ''): Promise<Wire> {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket.setEncoding('latin1').on('data', (chunk) => {
    received += chunk
  })
  socket.on('error', () => {})
  const closed = once(socket, 'close').then(() => received)
  await once(socket, 'connect')
  if (bytes) socket.write(bytes)
  return { socket, received: () => received, closed }
}

export interface Received {
  status: number
  headers: Headers
  body: string
}

/** The first answer in what was received. */
export function parseAnswer(text: string): Received {
  const [head = '', body = ''] = text.split('\r\n\r\n')
  const [first = '', ...lines] = head.split('\r\n')
  const pairs = lines.map((line) => line.split(': ') as [string, string])
  return { status: Number(first.split(' ')[1]), headers: new Headers(pairs), body }
}
