// What pods use, from the files of their cgroups. All processes of a pod count, with either version of cgroups.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cgroupRoot, hierarchyOf } from '../src/platform/cgroups.ts'
import { listMounts } from '../src/platform/mounts.ts'

/** Where the kubelet puts a pod depends on its requests and limits. */
const classes = ['', 'burstable', 'besteffort']

/** The folder of `kubepods` for a controller. */
export async function podsFolder(controller: 'cpuacct' | 'memory'): Promise<string> {
  return join(hierarchyOf(await listMounts(), controller) ?? '', cgroupRoot, 'kubepods')
}

/** The cgroup of a pod below that folder. Throws when there is none: the pod has ended. */
export function podFolder(pods: string, uid: string): string {
  const folders = classes.map((name) => join(pods, name, `pod${uid}`))
  const found = folders.find((folder) => existsSync(folder))
  if (found === undefined) throw new Error(`the pod ${uid} has no cgroup below ${pods}`)
  return found
}

/** Seconds of processor time since the pod began. */
export async function cpuSecondsOf(pod: string): Promise<number> {
  const nanoseconds = join(pod, 'cpuacct.usage')
  if (existsSync(nanoseconds)) return Number(await readFile(nanoseconds, 'utf8')) / 1e9
  return (await fieldOf(join(pod, 'cpu.stat'), 'usage_usec')) / 1e6
}

/** Bytes in use without the files that the kernel can drop, as the kubelet counts them. */
export async function workingSetOf(pod: string): Promise<number> {
  const stat = join(pod, 'memory.stat')
  const version1 = join(pod, 'memory.usage_in_bytes')
  const [usage, inactive] = existsSync(version1)
    ? [version1, 'total_inactive_file']
    : [join(pod, 'memory.current'), 'inactive_file']
  return Number(await readFile(usage, 'utf8')) - (await fieldOf(stat, inactive))
}

/** Of a file with a name and a number in each line. */
async function fieldOf(file: string, name: string): Promise<number> {
  const lines = (await readFile(file, 'utf8')).split('\n').map((line) => line.split(' '))
  const value = lines.find(([first]) => first === name)?.[1]
  if (value === undefined) throw new Error(`${file} has no ${name}`)
  return Number(value)
}
