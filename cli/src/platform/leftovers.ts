// Counts and removes everything but files that the platform has on this machine.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Shell } from '../adapters/shell.ts'
import { killMembers, listCgroups, listMembers, removeCgroups } from './cgroups.ts'
import { countOurRules } from './iptables.ts'
import { type Layout, network } from './layout.ts'
import { listMounts, mountsBelow, removeFolder, unmountBelow } from './mounts.ts'
import { listOwnLinks, tearDownNetwork } from './network.ts'

/** All fields are zero or empty after `down`. */
export interface Footprint {
  processes: number
  mounts: number
  interfaces: string[]
  addresses: string[]
  routes: string[]
  /** Chains and rules of iptables and ip6tables. */
  packetFilter: number
  cgroups: number
}

function lines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
}

/** The platform's lines in the output of `ip -oneline address` and `ip route`. */
export function ours(listing: string): string[] {
  const prefix = network.all.split('.').slice(0, 2).join('.')
  return lines(listing).filter(
    (line) => line.includes(` ${prefix}.`) || line.startsWith(`${prefix}.`),
  )
}

export async function footprint(shell: Shell, layout: Layout): Promise<Footprint> {
  return {
    processes: (await listMembers()).length,
    mounts: mountsBelow(await listMounts(), mountFolders(layout)).length,
    interfaces: await listOwnLinks(shell),
    addresses: ours(await shell.check({ program: 'ip', args: ['-oneline', 'address'] })),
    routes: ours(await shell.check({ program: 'ip', args: ['route'] })),
    packetFilter: await countOurRules(shell),
    cgroups: (await listCgroups()).length,
  }
}

function ownerFile(layout: Layout): string {
  return join(layout.run, 'owner')
}

/** Records that the machine's platform belongs to this cache directory. */
export function claimMachine(layout: Layout): Promise<void> {
  return writeFile(ownerFile(layout), layout.cache)
}

/** The cache directory of another platform that runs on this machine, or null. */
export async function otherPlatform(layout: Layout): Promise<string | null> {
  const owner = await readFile(ownerFile(layout), 'utf8').catch(() => null)
  if (owner === null || owner === layout.cache) return null
  return (await listMembers()).length > 0 ? owner : null
}

function mountFolders(layout: Layout): string[] {
  return [layout.run, layout.home]
}

/** Ends every process of the platform and removes everything in a footprint. Data and logs stay. */
export async function clearLeftovers(shell: Shell, layout: Layout): Promise<void> {
  await killMembers()
  await unmountBelow(shell, mountFolders(layout))
  await tearDownNetwork(shell)
  await removeCgroups()
  for (const folder of [layout.run, layout.pids, layout.temporary]) {
    await removeFolder(shell, folder)
  }
}
