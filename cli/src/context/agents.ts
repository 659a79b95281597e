// How connections to the rest of the world are made: through the proxy that the environment names for an address.
import type { Agent } from 'node:http'
import { agentFor, proxyFor } from '../adapters/kubernetes/proxy.ts'

export function agentOf(address: URL): Promise<Agent> {
  return agentFor(address, proxyFor(address, null, process.env), {})
}
