// Which modules a command loads, by import or require.
import { createShell } from '../../src/adapters/shell.ts'

const hook = `import { registerHooks } from 'node:module'
import { writeSync } from 'node:fs'
registerHooks({ load(url, context, next) { writeSync(2, 'loaded ' + url + '\\n'); return next(url, context) } })`

/** The URLs of all modules, in order. `launcher` is the path of shopctl.js. */
export async function modulesOf(
  launcher: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const { stderr } = await createShell().run({
    program: process.execPath,
    args: [`--import=data:text/javascript,${encodeURIComponent(hook)}`, launcher, ...args],
    env,
  })
  return [...stderr.matchAll(/^loaded (.*)/gm)].map(([, url = '']) => url)
}
