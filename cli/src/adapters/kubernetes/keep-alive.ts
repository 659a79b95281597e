// An answer that may take any time: the connection is what shows that the other end is still there.
import type { ClientRequest } from 'node:http'

/** Then the kernel asks the other end every second, ten times. */
const silentMs = 30_000

/** Calls `connected` when there is a connection, with TLS where it has it. */
export function keepAlive(request: ClientRequest, connected: () => void): void {
  request.setSocketKeepAlive(true, silentMs)
  request.once('socket', (socket) => {
    const isSecure = 'secureConnecting' in socket
    if (socket.connecting || (isSecure && socket.secureConnecting))
      socket.once(isSecure ? 'secureConnect' : 'connect', connected)
    else connected()
  })
}
