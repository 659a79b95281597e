// The platform's addresses, routes and bridges.
import type { Shell } from '../adapters/shell.ts'
import { addRules, removeRules } from './iptables.ts'
import { network } from './layout.ts'

/** What setting up runs; each may be repeated. */
export function setUpCommands(): string[][] {
  return [
    ['ip', 'address', 'replace', `${network.host}/32`, 'dev', 'lo'],
    // To a local process a ClusterIP needs a route before kube-proxy's rules see the packet; what they do not take dies on
    // `lo` instead of leaving the machine.
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
  // Built into the kernel here and there, and then there is nothing to load.
  await shell
    .run({ program: 'modprobe', args: ['--all', 'overlay', 'br_netfilter'] })
    .catch(() => {})
  // Exits with an error when the bridge is there already, which is what is wanted.
  await shell.run({ program: 'ip', args: ['link', 'add', network.buildBridge, 'type', 'bridge'] })
  for (const command of setUpCommands()) await shell.check(runVector(command))
  await addRules(shell)
}

interface Link {
  ifname: string
  master?: string
}

/** From `ip -json link`: our bridges and what is plugged into them. */
export function ownLinks(links: readonly Link[]): string[] {
  const bridges: string[] = [network.podBridge, network.buildBridge]
  return links
    .filter(
      ({ ifname, master }) => bridges.includes(ifname) || (master && bridges.includes(master)),
    )
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
