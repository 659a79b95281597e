// Finds shopctl.yaml in a folder or above it.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { refused } from '../errors.ts'

export interface ConfigFile {
  text: string
  /** Its folder; paths in it are relative to it. */
  root: string
  /** Its path from the current folder, for messages. */
  shown: string
}

export function findConfigFile(name: string, from: string): ConfigFile {
  for (let root = from; ; root = dirname(root)) {
    const file = join(root, name)
    if (existsSync(file))
      return { text: readFileSync(file, 'utf8'), root, shown: relative(from, file) }
    if (root === dirname(root)) {
      throw refused({
        code: 'no-config',
        message: `There is no ${name} in ${from} or above it.`,
        hint: `Go to the folder of your project, or write a ${name} there.`,
      })
    }
  }
}
