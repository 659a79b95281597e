// Starts daemons that outlive this process, recognises them later, and ends them.
import { spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cgroupOf, signal } from './cgroups.ts'
import type { Component } from './component.ts'
import type { Layout } from './layout.ts'
import { hashOf } from './store.ts'

/** What tells a process from a later one with the same number: when it began, and in which boot. */
export interface Identity {
  pid: number
  /** Clock ticks after boot, field 22 of /proc/PID/stat. */
  started: string
  boot: string
}

/** What the pid file holds. */
interface Started extends Identity {
  /** Hash of the component as it was started. */
  definition: string
}

/** Field 22 of a /proc/PID/stat line; the name before it may hold spaces and brackets. Null for a zombie. */
export function startTimeOf(stat: string): string | null {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null)
}

function read(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null)
}

/** Who has this process id now, or null. */
export async function identify(pid: number): Promise<Identity | null> {
  const started = startTimeOf((await read(`/proc/${pid}/stat`)) ?? '')
  const boot = (await read('/proc/sys/kernel/random/boot_id'))?.trim() ?? ''
  return started ? { pid, started, boot } : null
}

/** The same process, and not another that was given its number. */
export function isSame(a: Identity, b: Identity | null): boolean {
  return b !== null && a.pid === b.pid && a.started === b.started && a.boot === b.boot
}

function definitionOf({ files, program, args, env }: Component): string {
  return hashOf([JSON.stringify({ files, program, args, env })])
}

// Nothing else of the caller's environment: it may hold secrets, and daemons should not differ by who started them.
const proxySettings = [
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
]

function environmentOf(component: Component, layout: Layout): Record<string, string> {
  const inherited = proxySettings.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  return { PATH: path, HOME: layout.home, ...Object.fromEntries(inherited), ...component.env }
}

export interface Daemons {
  /** The process id of a running component, or null. */
  pidOf(name: string): Promise<number | null>
  /** Whether it runs, and as this component says: another shopctl may want other flags, or another program. */
  isCurrent(component: Component): Promise<boolean>
  start(component: Component): Promise<void>
  /** Asks it to end, and kills it after `graceMs`. Does nothing when it is not running. */
  stop(name: string, graceMs: number): Promise<void>
}

export function logOf(layout: Layout, name: string): string {
  return join(layout.logs, `${name}.log`)
}

/** `now` is a clock in milliseconds. */
export function createDaemons(layout: Layout, now: () => number): Daemons {
  const pidFile = (name: string): string => join(layout.pids, `${name}.json`)

  const find = async (name: string): Promise<Started | null> => {
    const text = await read(pidFile(name))
    if (!text) return null
    const known: Started = JSON.parse(text)
    return isSame(known, await identify(known.pid)) ? known : null
  }

  const spawnDetached = async (component: Component): Promise<number> => {
    const log = logOf(layout, component.name)
    // One earlier life is kept: it says why that one ended.
    await rename(log, `${log}.1`).catch(() => {})
    const output = openSync(log, 'a', 0o600)
    const cgroup = await cgroupOf('daemons')
    // The shell enters the cgroup before it becomes the daemon: whatever that starts is found there later.
    const script = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
    const child = spawn('/bin/sh', ['-c', script, cgroup, component.program, ...component.args], {
      detached: true,
      cwd: '/',
      stdio: ['ignore', output, output],
      env: environmentOf(component, layout),
    })
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('spawn', () => {
        child.unref()
        resolve(child.pid ?? 0)
      })
    })
  }

  return {
    pidOf: async (name) => (await find(name))?.pid ?? null,

    isCurrent: async (component) =>
      (await find(component.name))?.definition === definitionOf(component),

    async start(component) {
      for (const path of component.leftovers ?? []) await rm(path, { force: true })
      for (const [path, text] of Object.entries(component.files ?? {})) {
        await mkdir(dirname(path), { recursive: true })
        await writeFile(path, text, { mode: 0o600 })
      }
      const identity = await identify(await spawnDetached(component))
      const started = { ...identity, definition: definitionOf(component) }
      await writeFile(pidFile(component.name), JSON.stringify(started))
    },

    async stop(name, graceMs) {
      const known = await find(name)
      if (known) {
        signal(known.pid, 'SIGTERM')
        const deadline = now() + graceMs
        while (await find(name)) {
          if (now() > deadline) signal(known.pid, 'SIGKILL')
          await sleep(20)
        }
      }
      await rm(pidFile(name), { force: true })
    },
  }
}
