// Checks, before any change, whether the platform can start.
import { existsSync } from 'node:fs'
import { readFile, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createScratch } from '../adapters/scratch.ts'
import { type ErrorDetail, refused, ShopctlError } from '../errors.ts'
import { listMembers } from './cgroups.ts'
import type { Check } from './component.ts'
import { debianMirror, mirrorCheck, missingPackages } from './debian.ts'
import { findGo, goCheck } from './go-program.ts'
import { missingImages } from './images.ts'
import { edgeUrl, type Layout, network, previewUrl, registry } from './layout.ts'
import { otherPlatform } from './leftovers.ts'
import { npmCheck } from './npm.ts'
import { type Items, isBuilt } from './parts.ts'
import { conflicts, type Endpoint, listListeners, type Owner, ownerOf } from './sockets.ts'
import { type Item, isStored } from './store.ts'
import type { Deps } from './up.ts'

const GiB = 1024 ** 3
// The build needs the most. Later, the kubelet needs 1 GiB free, and images need space.
const diskToBuild = 10 * GiB
const diskToRun = 2 * GiB
const memoryToRun = 4 * GiB

export interface Facts {
  platform: string
  architecture: string
  uid: number
  /** Cache directory of another platform that runs on this machine. */
  otherPlatform: string | null
  /** Free bytes on the disk of the cache directory. */
  freeDisk: number
  neededDisk: number
  /** Bytes of available memory. */
  freeMemory: number
  neededMemory: number
  cacheFolder: string
  hasApt: boolean
  hasCgroups: boolean
  /** Ports that the platform needs and that another process has. */
  busyPorts: readonly { address: string; port: number; owner: Owner | null }[]
  /** Package registries that are needed and do not answer, with their client's message. */
  unreachable: readonly { registry: string; reason: string }[]
}

function inGiB(bytes: number): string {
  return `${(bytes / GiB).toFixed(1)} GiB`
}

/** Addresses, cgroups and sockets are the machine's, so a machine can run only one platform. */
function reasonAgainstOther(otherPlatform: string | null): ErrorDetail | null {
  return otherPlatform === null
    ? null
    : {
        code: 'other-platform',
        message: `Another platform runs on this machine, with its files in ${otherPlatform}.`,
        hint: `Use it, or stop it first, with XDG_CACHE_HOME=${dirname(otherPlatform)}.`,
      }
}

const otherCluster =
  'Name a cluster that you have in shopctl.yaml: environments.<name>.cluster.context.'

/** Why this user cannot start or stop a platform on this machine, or null. */
export function reasonAgainstMachine({
  platform,
  architecture,
  uid,
}: Pick<Facts, 'platform' | 'architecture' | 'uid'>): ErrorDetail | null {
  if (platform !== 'linux') {
    return {
      code: 'not-linux',
      message: `The embedded platform runs on Linux only; this is ${platform}.`,
      hint: otherCluster,
    }
  }
  if (architecture !== 'x64') {
    return {
      code: 'architecture',
      message: `The embedded platform runs on x86-64 only; this is ${architecture}.`,
      hint: otherCluster,
    }
  }
  if (uid !== 0) {
    return {
      code: 'not-root',
      message: 'Running a Kubernetes node needs root.',
      hint: 'Run the command again with `sudo --preserve-env=PATH,HOME`.',
    }
  }
  return null
}

/** The first reason not to start, or null. */
export function reasonAgainst(facts: Facts): ErrorDetail | null {
  const early = reasonAgainstMachine(facts) ?? reasonAgainstOther(facts.otherPlatform)
  if (early) return early
  if (!facts.hasApt) {
    return {
      code: 'not-debian',
      message: 'The embedded platform uses Debian packages, and this machine has no apt-get.',
      hint: 'Use Debian 12 or later, or a distribution based on it.',
    }
  }
  if (!facts.hasCgroups) {
    return {
      code: 'no-cgroups',
      message: 'No cgroup file system is mounted, and pods cannot run without one.',
      hint: 'Mount it below /sys/fs/cgroup, as systemd does.',
    }
  }
  if (facts.freeDisk < facts.neededDisk) {
    return {
      code: 'disk-space',
      message: `${facts.cacheFolder} has ${inGiB(facts.freeDisk)} of free disk; ${inGiB(facts.neededDisk)} are needed.`,
      hint: 'Free disk space, or set XDG_CACHE_HOME to a folder on a larger disk.',
    }
  }
  if (facts.freeMemory < facts.neededMemory) {
    return {
      code: 'memory',
      message: `${inGiB(facts.freeMemory)} of memory are free; ${inGiB(facts.neededMemory)} are needed.`,
      hint: 'Stop other programs, or use a machine with more memory.',
    }
  }
  const [busy] = facts.busyPorts
  if (busy) {
    const where = busy.address === '*' ? 'every address' : busy.address
    const owner = busy.owner
      ? `${busy.owner.name} (pid ${busy.owner.pid})`
      : 'a process that is not visible from here'
    return {
      code: 'port-busy',
      message: `Port ${busy.port} is in use on ${where} by ${owner}.`,
      hint: 'Stop this process, or let it listen on another port.',
    }
  }
  const [away] = facts.unreachable
  if (away) {
    return {
      code: 'registry-unreachable',
      message: `${away.registry} cannot be reached, and the platform must download parts from it: ${away.reason}`,
      hint: 'Check the network and the proxy settings, then run the command again.',
    }
  }
  return null
}

/** Every port of the platform, and the edge's NodePorts. */
function endpoints(): Endpoint[] {
  const at = (address: string, ports: readonly number[]): Endpoint[] =>
    ports.map((port) => ({ address, port }))
  const ports = (urls: readonly string[]): number[] => urls.map((url) => Number(new URL(url).port))
  return [
    ...at(network.host, [53, 1025, 2379, 2380, 2381, 6443, 8025, 8080, 8181]),
    ...at(network.host, [10248, 10249, 10250, 10256, 10257, 10259]),
    ...at('127.0.0.1', ports([`http://${registry}`, edgeUrl, previewUrl])),
  ]
}

async function freeDiskAt(folder: string): Promise<number> {
  let existing = folder
  while (!existsSync(existing)) existing = dirname(existing)
  const { bavail, bsize } = await statfs(existing)
  return bavail * bsize
}

/** Bytes of `MemAvailable` in /proc/meminfo. */
export function availableMemory(meminfo: string): number {
  return Number(/^MemAvailable:\s+(\d+) kB/m.exec(meminfo)?.[1] ?? 0) * 1024
}

async function neededChecks(
  { shell, layout }: Deps,
  items: Items,
  scratch: string,
): Promise<Check[]> {
  const images = missingImages(layout, items.images)
  const lacks = (item: Item): boolean => !isStored(layout, item)
  const debian = lacks(items.engines) || images.length > 0 || missingPackages().length > 0
  const npm = lacks(items.clients) || images.some(({ node }) => node)
  // A machine without Go gets Debian's, which is not installed yet.
  const go = [items.kubernetes, ...items.added].some(lacks) ? await findGo(shell) : null
  return [
    ...(debian ? [mirrorCheck(await debianMirror(shell), scratch)] : []),
    ...(npm ? [npmCheck(scratch)] : []),
    ...(go ? [goCheck(go, scratch)] : []),
  ]
}

async function checkRegistries(deps: Deps, items: Items): Promise<Facts['unreachable']> {
  return createScratch().folder(({ path }) => askRegistries(deps, items, path))
}

async function askRegistries(
  deps: Deps,
  items: Items,
  scratch: string,
): Promise<Facts['unreachable']> {
  const checks = await neededChecks(deps, items, scratch)
  const answers = await Promise.all(
    checks.map(async ({ registry: name, command }) => {
      const limit = { seconds: 20, setting: 'a check' }
      const { exitCode, output } = await deps.shell.run({ ...command, limit }).catch((error) => {
        if (!(error instanceof ShopctlError && error.code === 'timed-out')) throw error
        return { exitCode: 1, output: 'no answer within 20 s' }
      })
      const reason = output.trim().split('\n').at(-1) ?? ''
      return exitCode === 0 ? [] : [{ registry: name, reason }]
    }),
  )
  return answers.flat()
}

/** Throws `refused` when the platform cannot start. Ports of its own daemons do not count as busy. */
export async function preflight(deps: Deps, items: Items): Promise<void> {
  const local = await localFacts(deps.layout, items)
  const reason =
    reasonAgainst(local) ??
    reasonAgainst({ ...local, unreachable: await checkRegistries(deps, items) })
  if (reason) throw refused(reason)
}

async function busyPorts(): Promise<Facts['busyPorts']> {
  const own = await listMembers().catch((): number[] => [])
  const taken = conflicts(endpoints(), await listListeners())
  const found = await Promise.all(
    taken.map(async (listener) => ({ ...listener, owner: await ownerOf(listener.inode) })),
  )
  return found.filter(({ owner }) => owner === null || !own.includes(owner.pid))
}

/** Throws `refused` when this machine cannot run this platform, so that there is nothing to stop. */
export async function checkMachine(layout: Layout): Promise<void> {
  const reason =
    reasonAgainstMachine(machineFacts()) ?? reasonAgainstOther(await otherPlatform(layout))
  if (reason) throw refused(reason)
}

function machineFacts(): Pick<Facts, 'platform' | 'architecture' | 'uid'> {
  return {
    platform: process.platform,
    architecture: process.arch,
    uid: process.getuid?.() ?? -1,
  }
}

async function localFacts(layout: Layout, items: Items): Promise<Facts> {
  const runsInPart = (await listMembers().catch((): number[] => [])).length > 0

  return {
    ...machineFacts(),
    otherPlatform: await otherPlatform(layout),
    freeDisk: await freeDiskAt(layout.cache),
    neededDisk: isBuilt(layout, items) ? diskToRun : diskToBuild,
    freeMemory: availableMemory(await readFile('/proc/meminfo', 'utf8').catch(() => '')),
    // Running daemons already have their memory.
    neededMemory: runsInPart ? 0 : memoryToRun,
    cacheFolder: layout.cache,
    hasApt: existsSync('/usr/bin/apt-get'),
    hasCgroups:
      existsSync('/sys/fs/cgroup/cgroup.controllers') || existsSync('/sys/fs/cgroup/memory'),
    busyPorts: await busyPorts(),
    unreachable: [],
  }
}
