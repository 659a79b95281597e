// Keeps what the additions of the platform run, instead of running it.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Shell } from '../../src/adapters/shell.ts'
import type { Layout } from '../../src/platform/layout.ts'

export type Command = Parameters<Shell['check']>[0]

export function addFile(file: string, text = ''): void {
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, text)
}

export interface Recorded {
  /** Is in the command that fails. */
  fails?: string
  /** The first argument of helm, or the verb of kubectl and its first argument → what it prints. */
  answers?: Readonly<Record<string, string>>
}

/** Its docker pushes into the registry's folder. */
export function recordingShell(layout: Layout, { fails, answers = {} }: Recorded = {}) {
  const ran: Command[] = []
  const check = async (command: Command): Promise<string> => {
    ran.push(command)
    const { args } = command
    if (fails && args.includes(fails)) throw new Error(`${fails} failed`)
    const words = args.filter((arg) => !arg.startsWith('--'))
    const answer = answers[words[0] ?? ''] ?? answers[words.slice(0, 2).join(' ')]
    if (answer !== undefined) return `${answer}\n`
    if (args[0] !== 'push') return 'sha256:1\n'
    const [, repository = '', tag = ''] = /^[^/]+\/(.*):(.*)$/.exec(args.at(-1) ?? '') ?? []
    const folder = join(layout.home, 'registry/docker/registry/v2/repositories', repository)
    addFile(join(folder, '_manifests/tags', tag, 'current/link'))
    return ''
  }
  return { ran, shell: { check } as unknown as Shell }
}

export function linesOf(ran: readonly Command[]): string[] {
  return ran.map(({ program, args }) => [program.replace(/.*\//, ''), ...args].join(' '))
}
