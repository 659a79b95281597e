// The description of a daemon of the platform.
import type { Command } from '../adapters/shell.ts'
import type { Layout } from './layout.ts'

/** The folders and programs of this machine that components use. */
export interface Machine {
  layout: Layout
  /** The program of all parts of the cluster. Its first argument names the part. */
  kubernetes: string
  /** Root of the unpacked Debian packages. */
  debian: string
}

export interface Component {
  name: string
  /** Files of an earlier run that would prevent a start. */
  leftovers?: readonly string[]
  /** Files written before each start, by absolute path. */
  files?: Readonly<Record<string, string>>
  program: string
  args: readonly string[]
  env?: Readonly<Record<string, string>>
  /** true: it is ready. false or a rejection: not yet. */
  ready(): Promise<boolean>
}

/** The engines find their shim and runc on the PATH. */
export function enginePath(debian: string): { PATH: string } {
  return {
    PATH: `${debian}/usr/bin:${debian}/usr/sbin:/usr/sbin:/usr/bin:/sbin:/bin`,
  }
}

/** A quick request, with the registry's own client, that shows whether a package registry answers. */
export interface Check {
  registry: string
  command: Command
}

export function json(document: unknown): string {
  return `${JSON.stringify(document, null, 2)}\n`
}
