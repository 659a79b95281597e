// Runs the project's own programs and zx scripts, from its root.
import type { Programs } from '../release/ports/project.ts'
import type { Shell } from './shell.ts'

/** zx's globals come from shopctl, so that a script works where zx is not installed. */
export function scriptCommand(file: string): string[] {
  return ['--import', import.meta.resolve('zx/globals'), file]
}

export function createPrograms(shell: Shell, options: { root: string }): Programs {
  return {
    run([program = '', ...args], signal) {
      // `node` is the Node that runs shopctl: the machine's may be too old for the project.
      const resolved = program === 'node' ? process.execPath : program
      return shell.run({ program: resolved, args, cwd: options.root, signal })
    },
    async script(file, env, signal) {
      const args = scriptCommand(file)
      return shell.run({
        program: process.execPath,
        args,
        cwd: options.root,
        env,
        signal,
      })
    },
  }
}
