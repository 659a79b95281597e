// Starts daemons that outlive this process, recognises them later, and ends them.
import { spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Identity, identify, isSame } from '../adapters/processes.ts'
import { withoutProxy } from '../adapters/shell.ts'
import { cgroupOf, signal } from './cgroups.ts'
import type { Component } from './component.ts'
import { direct, type Layout } from './layout.ts'
import { hashOf } from './store.ts'

/** The content of the pid file. */
interface Started extends Identity {
  /** Hash of the component as it was started. */
  definition: string
}

function read(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null)
}

/** With the content of the certificates that it names: a daemon reads them only when it starts. */
async function definitionOf(
  { files, program, args, env }: Component,
  { pki }: Layout,
): Promise<string> {
  const definition = JSON.stringify({ files, program, args, env })
  const named = definition.split(`${pki}/`).slice(1)
  const paths = named.map((rest) => join(pki, /^[\w./-]+/.exec(rest)?.[0] ?? ''))
  const contents = await Promise.all(paths.map(async (path) => (await read(path)) ?? ''))
  return hashOf([definition, ...contents])
}

// No other variables of the caller: they may hold secrets, and every caller should start the same daemons.
const proxySettings = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy']

function environmentOf(component: Component, layout: Layout): Record<string, string> {
  const inherited = proxySettings.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  return {
    PATH: path,
    HOME: layout.home,
    ...Object.fromEntries(inherited),
    ...withoutProxy(direct),
    ...component.env,
  }
}

export interface Daemons {
  /** The process id of a running component, or null. */
  pidOf(name: string): Promise<number | null>
  /** Whether it runs with this definition. Another version of shopctl may use other flags or another program. */
  isCurrent(component: Component): Promise<boolean>
  start(component: Component): Promise<void>
  /** Sends SIGTERM, and SIGKILL after `graceMs`. Does nothing when it is not running. */
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
    // The log of the previous run is kept: it shows why that run ended.
    await rename(log, `${log}.1`).catch(() => {})
    const output = openSync(log, 'a', 0o600)
    const cgroup = await cgroupOf('daemons')
    // The shell enters the cgroup before it becomes the daemon, so that the daemon's children are in it too.
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
      (await find(component.name))?.definition === (await definitionOf(component, layout)),

    async start(component) {
      for (const path of component.leftovers ?? []) await rm(path, { force: true })
      for (const [path, text] of Object.entries(component.files ?? {})) {
        await mkdir(dirname(path), { recursive: true })
        await writeFile(path, text, { mode: 0o600 })
      }
      const identity = await identify(await spawnDetached(component))
      const started = { ...identity, definition: await definitionOf(component, layout) }
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
