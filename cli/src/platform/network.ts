// The platform's addresses, routes and bridges.
import type { Shell } from '../adapters/shell.ts'
import { addRules, removeRules } from './iptables.ts'
import { network } from './layout.ts'

/** Each command can be repeated. */
export function setUpCommands(): string[][] {
  return [
    ['ip', 'address', 'replace', `${network.host}/32`, 'dev', 'lo'],
    // Local processes need a route to ClusterIPs before kube-proxy's rules see a packet. Via `lo`, a packet that no rule
    // matches does not leave the machine.
    ['ip', 'route', 'replace', network.services, 'dev', 'lo', 'src', network.host],
    ['ip', 'address', 'replace', network.buildsGateway, 'dev', network.buildBridge],
    ['ip', 'link', 'set', network.buildBridge, 'up'],
  ]
}

function runVector([program = '', ...args]: readonly string[]): {
  program: string
  args: string[]
} {
  return {
    program,
    args,
  }
}

export async function setUpNetwork(shell: Shell): Promise<void> {
  // Fails when the kernel has them built in: then there is nothing to load.
  await shell
    .run({ program: 'modprobe', args: ['--all', 'overlay', 'br_netfilter'] })
    .catch(() => {})
  // Fails when the bridge already exists, which is fine.
  await shell.run({ program: 'ip', args: ['link', 'add', network.buildBridge, 'type', 'bridge'] })
  for (const command of setUpCommands()) await shell.check(runVector(command))
  await addRules(shell)
}

interface Link {
  ifname: string
  master?: string
}

/** From `ip -json link`: the platform's bridges and their ports. */
export function ownLinks(links: readonly Link[]): string[] {
  const bridges = new Set<string>([network.podBridge, network.buildBridge])
  return links
    .filter(({ ifname, master }) => bridges.has(ifname) || (master && bridges.has(master)))
    .map(({ ifname }) => ifname)
}

export async function listOwnLinks(shell: Shell): Promise<string[]> {
  return ownLinks(JSON.parse(await shell.check({ program: 'ip', args: ['-json', 'link'] })))
}

export async function tearDownNetwork(shell: Shell): Promise<void> {
  for (const link of await listOwnLinks(shell)) {
    await shell.run({ program: 'ip', args: ['link', 'delete', link] })
  }
  await shell.run({ program: 'ip', args: ['route', 'delete', network.services] })
  await shell.run({ program: 'ip', args: ['address', 'delete', `${network.host}/32`, 'dev', 'lo'] })
  await removeRules(shell)
}
