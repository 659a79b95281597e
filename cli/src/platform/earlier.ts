// Records the machine's state before the platform's first start, so that `down` can restore it.
import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Layout } from './layout.ts'

// Kernel settings that the kubelet and kube-proxy need or change.
const settings: Readonly<Record<string, string>> = {
  'net/ipv4/ip_forward': '1',
  'net/ipv4/conf/all/route_localnet': '1',
  'net/bridge/bridge-nf-call-iptables': '1',
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
}

// Folders with a fixed path.
const folders = [
  '/run/containerd',
  '/run/docker',
  '/run/runc',
  '/var/lib/cni',
  '/var/lib/kubelet',
  '/var/log/containers',
]

interface Earlier {
  settings: Record<string, string>
  /** The folders that did not exist. */
  absent: string[]
}

function record(layout: Layout): string {
  return join(layout.home, 'earlier.json')
}

async function look(): Promise<Earlier> {
  const values: Record<string, string> = {}
  for (const name of Object.keys(settings)) {
    const value = await readFile(`/proc/sys/${name}`, 'utf8').catch(() => null)
    if (value !== null) values[name] = value.trim()
  }
  return { settings: values, absent: folders.filter((folder) => !existsSync(folder)) }
}

/** Records the state and changes the kernel's settings. After a crash the first record stays. */
export async function adjustMachine(layout: Layout): Promise<void> {
  const earlier = await look()
  await writeFile(record(layout), JSON.stringify(earlier), { flag: 'wx' }).catch(() => {})
  for (const name of Object.keys(earlier.settings)) {
    await writeFile(`/proc/sys/${name}`, settings[name] ?? '')
  }
}

/** Restores the kernel's settings and removes the folders that the programs created. */
export async function restoreMachine(layout: Layout): Promise<void> {
  const text = await readFile(record(layout), 'utf8').catch(() => null)
  if (text === null) return
  const earlier: Earlier = JSON.parse(text)
  for (const [name, value] of Object.entries(earlier.settings)) {
    await writeFile(`/proc/sys/${name}`, value).catch(() => {})
  }
  for (const folder of earlier.absent) await rm(folder, { recursive: true, force: true })
  await rm(record(layout))
}
