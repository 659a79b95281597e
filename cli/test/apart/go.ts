// Go, for programs that the tests build: this machine's, or Debian's.
import { join } from 'node:path'
import { createShell } from '../../src/adapters/shell.ts'
import { goItem } from '../../src/platform/debian.ts'
import { findGo } from '../../src/platform/go-program.ts'
import type { Layout } from '../../src/platform/layout.ts'
import { store } from '../../src/platform/store.ts'

const shell = createShell()

/** Runs `go`. A module that needs a newer Go fetches it as a module. */
export async function runGo(
  layout: Layout,
  args: readonly string[],
  { cwd, env = {} }: { cwd?: string; env?: Record<string, string> } = {},
): Promise<void> {
  const found = await findGo(shell)
  const program =
    found ?? join(await store(layout, goItem(shell), () => {}), 'usr/lib/go-1.24/bin/go')
  // The platform's own caches, which `down --purge` removes.
  const modules = join(layout.cache, 'go')
  const caches = { GOPATH: modules, GOMODCACHE: '', GOCACHE: join(modules, 'build') }
  const settings = { CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off', GOTOOLCHAIN: 'auto' }
  await shell.check({
    ...{ program, args: [...args], env: { ...caches, ...settings, ...env } },
    ...(cwd !== undefined && { cwd }),
  })
}
