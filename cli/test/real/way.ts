// A connection that a test can cut.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way on loopback to a port, which can be cut; `refuse` ends a connection by its first bytes. */
export async function openWay(host: string, port: number, refuse = (_: string): boolean => false) {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(port, host)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        client.destroy()
        upstream.destroy()
        sockets.delete(socket)
      })
    }
    client.on('data', (chunk) => {
      if (refuse(chunk.toString('latin1'))) client.destroy()
      else upstream.write(chunk)
    })
    upstream.pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    cut(): void {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
