// Runs the project's own programs and zx scripts, from its root.
import type { Programs } from '../release/ports.ts'
import type { Shell } from './shell.ts'

/** zx's globals come from shopctl, so that a script works where zx is not installed. */
export const scriptCommand = (file: string): string[] => [
  '--import',
  import.meta.resolve('zx/globals'),
  file,
]

export const createPrograms = (
  shell: Shell,
  options: { root: string; signal: AbortSignal },
): Programs => ({
  run([program = '', ...args]) {
    // `node` is the one that runs shopctl: the machine's own may be too old for the project.
    const resolved = program === 'node' ? process.execPath : program
    return shell.run({ program: resolved, args, cwd: options.root, signal: options.signal })
  },
  script(file, env) {
    const args = scriptCommand(file)
    return shell.run({
      program: process.execPath,
      args,
      cwd: options.root,
      env,
      signal: options.signal,
    })
  },
})
