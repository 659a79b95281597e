// Which modules a command loads, by import or require.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createShell } from '../../src/adapters/shell.ts'

/** To a file: on a busy machine a pipe is full at times, and the command would end with EAGAIN. */
const hook = `import { registerHooks } from 'node:module'
import { appendFileSync } from 'node:fs'
const { LOADED_MODULES } = process.env
registerHooks({ load(url, context, next) { appendFileSync(LOADED_MODULES, url + '\\n'); return next(url, context) } })`

/** The URLs of all modules, in order. `launcher` is the path of shopctl.js. */
export async function modulesOf(
  launcher: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd?: string,
): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'loaded-modules-'))
  const file = join(folder, 'urls')
  try {
    await createShell().run({
      program: process.execPath,
      args: [`--import=data:text/javascript,${encodeURIComponent(hook)}`, launcher, ...args],
      env: { ...env, LOADED_MODULES: file },
      ...(cwd !== undefined && { cwd }),
    })
    return (await readFile(file, 'utf8')).trim().split('\n')
  } finally {
    await rm(folder, { recursive: true })
  }
}
