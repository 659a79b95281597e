// The cgroups of the platform. Every process that it starts is below one cgroup, where it can be found again.
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { listMounts, type Mount } from './mounts.ts'

/** Parent of `daemons`, `builders`, the kubelet's `kubepods` and the build containers. */
export const cgroupRoot = '/shopctl'

/** Mount points of the hierarchies: cgroup v1 has several, v2 has one. */
export function hierarchies(mounts: readonly Mount[]): string[] {
  return mounts
    .filter(({ type }) => type === 'cgroup' || type === 'cgroup2')
    .map(({ target }) => target)
}

/** Mount point of the hierarchy that has the controller. */
export function hierarchyOf(mounts: readonly Mount[], controller: string): string | undefined {
  return (
    mounts.find(({ type, options }) => type === 'cgroup' && options.includes(controller)) ??
    mounts.find(({ type }) => type === 'cgroup2')
  )?.target
}

/** Daemons are found by the controller `pids`, which both versions have. */
async function trackingRoot(): Promise<string> {
  return hierarchyOf(await listMounts(), 'pids') ?? '/sys/fs/cgroup'
}

/**
 * Weights for processor time with cgroup v1. A process outside all groups has 1024. By default, all pods together would
 * get no more than one such process. The kubelet gives `kubepods` 1024 for each processor; builds in `docker` get less.
 */
const cpuShares = { '.': 4096 * availableParallelism(), docker: 512 }

/** Creates the cgroups that the kubelet expects, with their weights. */
export async function createCgroups(): Promise<void> {
  for (const hierarchy of hierarchies(await listMounts())) {
    const root = join(hierarchy, cgroupRoot)
    await mkdir(root, { recursive: true })
    if (!existsSync(join(root, 'cpu.shares'))) continue
    for (const [group, shares] of Object.entries(cpuShares)) {
      await mkdir(join(root, group), { recursive: true })
      await writeFile(join(root, group, 'cpu.shares'), String(shares))
    }
  }
}

/** Kinds of processes besides pods. */
export type Kind = 'daemons' | 'builders'

/** The folder of the cgroup for one kind of processes. A process enters it through `cgroup.procs`. */
export async function cgroupOf(kind: Kind): Promise<string> {
  const folder = join(await trackingRoot(), cgroupRoot, kind)
  await mkdir(folder, { recursive: true })
  return folder
}

/** Parses /proc/PID/cgroup: the path below the hierarchy of a controller. */
export function pathIn(cgroups: string, controller: string): string {
  const lines = cgroups.split('\n').map((line) => line.split(':'))
  const line =
    lines.find(([, controllers]) => controllers?.split(',').includes(controller)) ??
    lines.find(([id]) => id === '0')
  return line?.slice(2).join(':') || '/'
}

/** Runs with this process in a cgroup below `root`, the controller's hierarchy. Then moves the process back. */
export async function inCgroup<T>(
  root: string,
  controller: string,
  folder: string,
  run: () => Promise<T>,
): Promise<T> {
  const home = join(root, pathIn(await readFile('/proc/self/cgroup', 'utf8'), controller))
  const enter = (group: string): Promise<void> =>
    writeFile(join(group, 'cgroup.procs'), String(process.pid))
  await enter(folder)
  try {
    return await run()
  } finally {
    await enter(home)
  }
}

/** Runs with this process among the builders. If it is killed, the programs that it started can still be found. */
export async function asBuilder<T>(run: () => Promise<T>): Promise<T> {
  return inCgroup(await trackingRoot(), 'pids', await cgroupOf('builders'), run)
}

/** All cgroups of the platform, the innermost first: the order to remove them. */
export async function listCgroups(): Promise<string[]> {
  const below = async (folder: string): Promise<string[]> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => null)
    if (entries === null) return []
    const children = entries.filter((entry) => entry.isDirectory())
    const nested = await Promise.all(children.map((child) => below(join(folder, child.name))))
    return [...nested.flat(), folder]
  }
  const roots = hierarchies(await listMounts()).map((hierarchy) => join(hierarchy, cgroupRoot))
  return (await Promise.all(roots.map(below))).flat()
}

/** Every process in a cgroup of the platform, or only those of one kind. Excludes this process. */
export async function listMembers(kind?: Kind): Promise<number[]> {
  const groups = (await listCgroups()).filter((group) => !kind || group.endsWith(`/${kind}`))
  const lists = await Promise.all(
    groups.map((group) => readFile(join(group, 'cgroup.procs'), 'utf8').catch(() => '')),
  )
  const pids = new Set(lists.flatMap((list) => list.split('\n').filter(Boolean).map(Number)))
  return [...pids].filter((pid) => pid !== process.pid)
}

/** Kills the same processes. Repeats, since a process may start another between the list and the kill. */
export async function killMembers(kind?: Kind): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const members = await listMembers(kind)
    if (members.length === 0) return
    for (const pid of members) signal(pid, 'SIGKILL')
    await sleep(50)
  }
}

/** Sends a signal to a process that may already have ended. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Removes the cgroups after their processes were killed. Repeats, since a cgroup is busy until the last one has ended. */
export async function removeCgroups(): Promise<void> {
  for (let attempt = 0; attempt < 40; attempt += 1) {
    const groups = await listCgroups()
    if (groups.length === 0) return
    for (const group of groups) await rmdir(group).catch(() => {})
    await sleep(50)
  }
}
