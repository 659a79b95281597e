// What the platform knows of each of its daemons.
import type { Command } from '../adapters/shell.ts'
import type { Layout } from './layout.ts'

/** What components are made of: the folders and the programs that were built or fetched. */
export interface Machine {
  layout: Layout
  /** The one program of the cluster; its first argument says which part it becomes. */
  kubernetes: string
  /** Root of the unpacked Debian packages. */
  debian: string
}

export interface Component {
  name: string
  /** Files of an earlier life that would be in the way of a start. */
  leftovers?: readonly string[]
  /** Files written before each start, by absolute path. */
  files?: Readonly<Record<string, string>>
  program: string
  args: readonly string[]
  env?: Readonly<Record<string, string>>
  /** True when it does its work; false or a rejection when not yet. */
  ready(): Promise<boolean>
}

/** The engines look for their shim and for runc on the PATH. */
export function enginePath(debian: string): { PATH: string } {
  return {
    PATH: `${debian}/usr/bin:${debian}/usr/sbin:/usr/sbin:/usr/bin:/sbin:/bin`,
  }
}

/** A quick look-up that shows whether a package registry answers, made with the registry's own client. */
export interface Check {
  registry: string
  command: Command
}

export function json(document: unknown): string {
  return `${JSON.stringify(document, null, 2)}\n`
}
