// Prometheus' and Alertmanager's own programs, for tests of rules, routes and messages.
import { existsSync, symlinkSync } from 'node:fs'
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
  const folder = join(await store(layoutOf(cache), item, () => {}), 'usr/bin')
  // Debian's name has a prefix.
  const alertmanager = join(folder, 'alertmanager')
  if (!existsSync(alertmanager)) symlinkSync('prometheus-alertmanager', alertmanager)
  return folder
}
