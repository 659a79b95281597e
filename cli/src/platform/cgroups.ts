// The cgroups of the platform: all that it starts lives below one cgroup, so all of it can be found again.
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { listMounts, type Mount } from './mounts.ts'

/** Below this are `daemons`, `builders`, the kubelet's `kubepods` and the build containers. */
export const cgroupRoot = '/shopctl'

/** Mount points of the hierarchies: one for each controller with cgroup v1, a single one with v2. */
export const hierarchies = (mounts: readonly Mount[]): string[] =>
  mounts.filter(({ type }) => type === 'cgroup' || type === 'cgroup2').map(({ target }) => target)

/** The hierarchy that daemons are put into: every one has `pids`; with v2 there is only one. */
export const trackingHierarchy = (mounts: readonly Mount[]): string | undefined =>
  (
    mounts.find(({ type, options }) => type === 'cgroup' && options.includes('pids')) ??
    mounts.find(({ type }) => type === 'cgroup2')
  )?.target

const trackingRoot = async (): Promise<string> =>
  trackingHierarchy(await listMounts()) ?? '/sys/fs/cgroup'

/** Creates the cgroups that the kubelet expects to find. */
export const createCgroups = async (): Promise<void> => {
  for (const hierarchy of hierarchies(await listMounts())) {
    await mkdir(join(hierarchy, cgroupRoot), { recursive: true })
  }
}

/** Kinds of processes besides pods. */
export type Kind = 'daemons' | 'builders'

/** The folder of the cgroup for one kind of processes; a process enters it by its `cgroup.procs`. */
export const cgroupOf = async (kind: Kind): Promise<string> => {
  const folder = join(await trackingRoot(), cgroupRoot, kind)
  await mkdir(folder, { recursive: true })
  return folder
}

/** From /proc/PID/cgroup, the path below a hierarchy: that of the controller `pids`, or of cgroup v2. */
export const pathIn = (cgroups: string): string =>
  (/^\d+:(?:[^:]*,)?pids(?:,[^:]*)?:(.*)$/m.exec(cgroups) ?? /^0::(.*)$/m.exec(cgroups))?.[1] ?? '/'

/**
 * Runs with this process among the builders, so that the programs it starts are found even when it is killed and they
 * are not. Afterwards it is back where it was.
 */
export const asBuilder = async <T>(run: () => Promise<T>): Promise<T> => {
  const home = join(await trackingRoot(), pathIn(await readFile('/proc/self/cgroup', 'utf8')))
  const enter = (folder: string): Promise<void> =>
    writeFile(join(folder, 'cgroup.procs'), String(process.pid))
  await enter(await cgroupOf('builders'))
  try {
    return await run()
  } finally {
    await enter(home)
  }
}

/** All our cgroups, the innermost first, which is the order to remove them in. */
export const listCgroups = async (): Promise<string[]> => {
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

/** Every process in one of our cgroups, or only those of one kind; never this process. */
export const listMembers = async (kind?: Kind): Promise<number[]> => {
  const groups = (await listCgroups()).filter((group) => !kind || group.endsWith(`/${kind}`))
  const lists = await Promise.all(
    groups.map((group) => readFile(join(group, 'cgroup.procs'), 'utf8').catch(() => '')),
  )
  const pids = new Set(lists.flatMap((list) => list.split('\n').filter(Boolean).map(Number)))
  return [...pids].filter((pid) => pid !== process.pid)
}

/** Kills the same, again and again: between the list and the kill, a process may have started another. */
export const killMembers = async (kind?: Kind): Promise<void> => {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const members = await listMembers(kind)
    if (members.length === 0) return
    for (const pid of members) signal(pid, 'SIGKILL')
    await sleep(50)
  }
}

/** Sends a signal to a process that may have ended meanwhile. */
export const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Removes the cgroups; their processes must have been killed. A cgroup is busy until the last has quite ended. */
export const removeCgroups = async (): Promise<void> => {
  for (let attempt = 0; attempt < 40; attempt += 1) {
    const groups = await listCgroups()
    if (groups.length === 0) return
    for (const group of groups) await rmdir(group).catch(() => {})
    await sleep(50)
  }
}
