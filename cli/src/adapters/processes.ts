// Recognises processes of this machine later: a process id alone may belong to another process by then.
import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'

/** Distinguishes a process from a later one with the same id: by its start time and the boot. */
export interface Identity {
  pid: number
  /** Clock ticks after boot, field 22 of /proc/PID/stat. */
  started: string
  boot: string
}

/** Field 22 of a /proc/PID/stat line. The name before it may contain spaces and brackets. null: a zombie. */
export function startTimeOf(stat: string): string | null {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null)
}

function read(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null)
}

async function bootId(): Promise<string> {
  return (await read('/proc/sys/kernel/random/boot_id'))?.trim() ?? ''
}

/** The process that has this id now, or null. */
export async function identify(pid: number): Promise<Identity | null> {
  const started = startTimeOf((await read(`/proc/${pid}/stat`)) ?? '')
  return started ? { pid, started, boot: await bootId() } : null
}

/** Whether both are the same process, not only the same id. */
export function isSame(a: Identity, b: Identity | null): boolean {
  return b !== null && a.pid === b.pid && a.started === b.started && a.boot === b.boot
}

/** Where process ids mean the same processes as here: this boot of this machine, in this pid namespace. */
async function place(): Promise<string> {
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '')
  return [hostname(), await bootId(), namespace].join(' ')
}

/** This process, for `hasEnded`. null: this system has no /proc. */
export async function describeSelf(): Promise<string | null> {
  const self = await identify(process.pid)
  return self && [self.pid, self.started, await place()].join(' ')
}

/** Whether the described process ran here and is gone. false: it runs, or that cannot be seen from here. */
export async function hasEnded(description: string): Promise<boolean> {
  const [, pid = '', started, where] = /^(\d+) (\d+) (.+)$/.exec(description) ?? []
  if (where === undefined || where !== (await place())) return false
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    // EPERM: it runs, as another user.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true
  }
  const stat = await read(`/proc/${pid}/stat`)
  return stat !== null && startTimeOf(stat) !== started
}
