// What the platform has on this machine besides files, and the removal of all of it.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Shell } from '../adapters/shell.ts'
import { killMembers, listCgroups, listMembers, removeCgroups } from './cgroups.ts'
import { countOurRules } from './iptables.ts'
import { type Layout, network } from './layout.ts'
import { listMounts, mountsBelow, removeFolder, unmountBelow } from './mounts.ts'
import { listOwnLinks, tearDownNetwork } from './network.ts'

/** What is there of the platform; all zero or empty after `down`. */
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

const lines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)

/** Addresses and routes of ours among `ip -oneline address` and `ip route`. */
export const ours = (listing: string): string[] => {
  const prefix = network.all.split('.').slice(0, 2).join('.')
  return lines(listing).filter(
    (line) => line.includes(` ${prefix}.`) || line.startsWith(`${prefix}.`),
  )
}

export const footprint = async (shell: Shell, layout: Layout): Promise<Footprint> => ({
  processes: (await listMembers()).length,
  mounts: mountsBelow(await listMounts(), mountFolders(layout)).length,
  interfaces: await listOwnLinks(shell),
  addresses: ours(await shell.check({ program: 'ip', args: ['-oneline', 'address'] })),
  routes: ours(await shell.check({ program: 'ip', args: ['route'] })),
  packetFilter: await countOurRules(shell),
  cgroups: (await listCgroups()).length,
})

const ownerFile = (layout: Layout): string => join(layout.run, 'owner')

/** Marks the machine's one platform as that of this cache directory. */
export const claimMachine = (layout: Layout): Promise<void> =>
  writeFile(ownerFile(layout), layout.cache)

/** The cache directory of a platform that runs here and is not this one, or null. */
export const otherPlatform = async (layout: Layout): Promise<string | null> => {
  const owner = await readFile(ownerFile(layout), 'utf8').catch(() => null)
  if (owner === null || owner === layout.cache) return null
  return (await listMembers()).length > 0 ? owner : null
}

const mountFolders = (layout: Layout): string[] => [layout.run, layout.home]

/** Ends every process of the platform and removes all that a footprint counts. Data and logs stay. */
export const clearLeftovers = async (shell: Shell, layout: Layout): Promise<void> => {
  await killMembers()
  await unmountBelow(shell, mountFolders(layout))
  await tearDownNetwork(shell)
  await removeCgroups()
  for (const folder of [layout.run, layout.pids, layout.temporary]) {
    await removeFolder(shell, folder)
  }
}
