// Prometheus' and Alertmanager's own programs, for tests of rules, routes and messages.
import { chmodSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createShell } from '../../src/adapters/shell.ts'
import { unpacked } from '../../src/platform/debian.ts'
import { layoutOf } from '../../src/platform/layout.ts'
import { store } from '../../src/platform/store.ts'

const packages = {
  prometheus: 'trixie',
  'prometheus-alertmanager': 'trixie',
  promtool: 'trixie',
} as const

/** The folder of `prometheus`, `promtool`, `alertmanager` and `amtool`. They are fetched once. */
export async function prometheusPrograms(): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'shopctl')
  const item = unpacked(createShell(), 'prometheus', packages)
  const root = await store(layoutOf(cache), item, () => {})
  const folder = join(root, 'usr/bin')
  // Debian's Alertmanager reads a template in /usr/share. Only in a mount namespace of its own is that of the package there.
  const script = [
    '#!/bin/sh',
    `exec unshare --mount sh -c 'mount -t overlay overlay -o "lowerdir=$0/share:/usr/share" /usr/share &&`,
    `  exec "$0/bin/prometheus-alertmanager" "$@"' '${root}/usr' "$@"`,
  ]
  const written = join(folder, `alertmanager.${process.pid}`)
  writeFileSync(written, `${script.join('\n')}\n`)
  chmodSync(written, 0o755)
  renameSync(written, join(folder, 'alertmanager'))
  return folder
}
