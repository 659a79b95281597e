// Runs the project's own programs and zx scripts, from its root.
import type { Programs } from '../release/ports/project.ts'
import { type Limit, type Shell, withoutProxy } from './shell.ts'

/** zx's globals come from shopctl, so that a script works where zx is not installed. */
export function scriptCommand(file: string): string[] {
  return ['--import', import.meta.resolve('zx/globals'), file]
}

interface ProgramOptions {
  root: string
  limits: { run: Limit; script: Limit; hook: Limit }
}

export function createPrograms(shell: Shell, { root, limits }: ProgramOptions): Programs {
  const scriptWithin =
    (limit: Limit): Programs['script'] =>
    async (file, env, signal) =>
      shell.run({
        program: process.execPath,
        args: scriptCommand(file),
        cwd: root,
        // Its URLs are on loopback.
        env: { ...env, ...withoutProxy(['localhost', '127.0.0.1']) },
        signal,
        limit,
        title: file,
      })
  return {
    run(argv, signal) {
      const [program = '', ...args] = argv
      // `node` is the Node that runs shopctl: the machine's may be too old for the project.
      const resolved = program === 'node' ? process.execPath : program
      const title = argv.join(' ')
      return shell.run({ program: resolved, args, cwd: root, signal, limit: limits.run, title })
    },
    script: scriptWithin(limits.script),
    hook: scriptWithin(limits.hook),
  }
}
