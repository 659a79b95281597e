// Finds the ports in use and their processes.
import { readdir, readFile, readlink } from 'node:fs/promises'

export interface Listener {
  /** Dotted IPv4 address, or `*` for all. Other IPv6 addresses are left out. */
  address: string
  port: number
  inode: string
}

const listening = '0A'

// The kernel prints an IPv4 address as one hexadecimal number in the machine's own (little-endian) order.
function ipv4(hex: string): string {
  return [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join('.')
}

// An IPv6 socket that is bound to an IPv4 address.
const mapped = '0000000000000000FFFF0000'

function addressOf(hex: string): string | null {
  if (/^0+$/.test(hex)) return '*'
  if (hex.length === 8) return ipv4(hex)
  return hex.startsWith(mapped) ? ipv4(hex.slice(mapped.length)) : null
}

/** Parses /proc/net/tcp or /proc/net/tcp6. */
export function parseListeners(table: string): Listener[] {
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .flatMap((fields) => {
      const [host = '', port = ''] = (fields[1] ?? '').split(':')
      const address = addressOf(host)
      if (fields[3] !== listening || address === null) return []
      return [{ address, port: Number.parseInt(port, 16), inode: fields[9] ?? '' }]
    })
}

export interface Endpoint {
  address: string
  port: number
}

/** The first listener that conflicts with each endpoint. */
export function conflicts(wanted: readonly Endpoint[], listeners: readonly Listener[]): Listener[] {
  return wanted.flatMap(({ address, port }) => {
    const taken = listeners.find(
      (listener) =>
        listener.port === port && (listener.address === address || listener.address === '*'),
    )
    return taken ? [taken] : []
  })
}

export async function listListeners(): Promise<Listener[]> {
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map((path) =>
    readFile(path, 'utf8').catch(() => ''),
  )
  return (await Promise.all(tables)).flatMap(parseListeners)
}

export interface Owner {
  pid: number
  name: string
}

/** The process with the socket, or null when none is visible. */
export async function ownerOf(inode: string): Promise<Owner | null> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  for (const pid of pids) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => [])
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '')
      if (target !== `socket:[${inode}]`) continue
      const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
      return { pid: Number(pid), name: name.trim() || 'a process' }
    }
  }
  return null
}
