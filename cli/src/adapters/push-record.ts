// What this user pushed from this machine: a line for each push, in a file that only the user can write.
import { appendFile, mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { failed, said } from '../errors.ts'
import type { PushRecord } from '../release/ports/project.ts'

const forgotten = '-'

/** `file` may throw: the user may have no home folder. */
export function createPushRecord(file: () => string): PushRecord {
  /** The digests that were pushed for these inputs, oldest first. */
  const read = async (repository: string, inputs: string): Promise<string[]> => {
    const text = await readFile(file(), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return ''
      throw unusable(file(), error)
    })
    const start = `${repository} ${inputs} `
    return text
      .split('\n')
      .filter((line) => line.startsWith(start))
      .map((line) => line.slice(start.length))
  }
  const append = async (line: string): Promise<void> => {
    try {
      await mkdir(dirname(file()), { recursive: true })
      await appendFile(file(), `${line}\n`, { mode: 0o600 })
    } catch (error) {
      throw unusable(file(), error)
    }
  }
  return {
    async last(repository, inputs) {
      const digest = (await read(repository, inputs)).at(-1) ?? forgotten
      return digest === forgotten ? null : digest
    },
    has: async (repository, inputs, digest) => (await read(repository, inputs)).includes(digest),
    add: (repository, inputs, digest) => append(`${repository} ${inputs} ${digest}`),
    forget: (repository, inputs) => append(`${repository} ${inputs} ${forgotten}`),
  }
}

function unusable(file: string, cause: unknown): Error {
  return failed({
    code: 'bad-push-record',
    message: `The record of what you pushed cannot be used: ${said(cause)}.`,
    hint: `Make ${file} a file that you can write, then run the command again.`,
    cause,
  })
}
