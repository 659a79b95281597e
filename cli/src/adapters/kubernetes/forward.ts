// A connection to a port of a pod, by way of the API server: for what its HTTP proxy cannot carry, such as credentials.
import { Duplex, PassThrough } from 'node:stream'
import type { KubeConfig } from '@kubernetes/client-node'

export interface PodPort {
  namespace: string
  pod: string
  port: number
}

export async function forward(
  kubeconfig: KubeConfig,
  { namespace, pod, port }: PodPort,
): Promise<Duplex> {
  const { PortForward } = await import('@kubernetes/client-node')
  const [fromPod, toPod, complaints] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const socket = await new PortForward(kubeconfig)
    .portForward(namespace, pod, [port], fromPod, complaints, toPod)
    .catch((cause) => {
      // What a WebSocket throws is an event, no error.
      throw new Error(messageOf(cause), { cause })
    })
  const connection = Duplex.from({ readable: fromPod, writable: toPod })
  complaints.once('data', (complaint) => connection.destroy(new Error(short(String(complaint)))))
  if (typeof socket === 'object') {
    socket.onclose = () => void fromPod.end()
    connection.once('close', () => socket.close())
  }
  return connection
}

function messageOf(cause: unknown): string {
  return typeof cause === 'object' && cause !== null && 'message' in cause
    ? String(cause.message)
    : String(cause)
}

/** The kubelet tells of network namespaces first, and of what went wrong last. */
function short(complaint: string): string {
  return /(dial tcp\S* \S+: .*?)( IPv6|$)/.exec(complaint.trim())?.[1] ?? complaint.trim()
}
