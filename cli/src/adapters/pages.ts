// Writes pages for people. What is there and is no page of ours stays.
import { readFile, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { refused, said } from '../errors.ts'
import type { Pages } from '../release/ports/project.ts'

export function createPages(): Pages {
  return {
    async write(path, text, mark) {
      const isFree = await writeFile(path, text, { flag: 'wx' }).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'EEXIST') return false
          throw unwritable(path, error)
        },
      )
      if (isFree) return
      if (!(await beginsWith(path, mark))) throw foreign(path)
      await writeFile(path, text).catch((error) => {
        throw unwritable(path, error)
      })
    },
  }
}

async function beginsWith(path: string, mark: string): Promise<boolean> {
  try {
    // A pipe or a device may never answer.
    if (!(await stat(path)).isFile()) return false
    return (await readFile(path)).subarray(0, Buffer.byteLength(mark)).toString() === mark
  } catch (error) {
    throw unwritable(path, error as NodeJS.ErrnoException)
  }
}

function foreign(path: string): Error {
  return refused({
    code: 'file-exists',
    message: `${path} is there, and is no report of shopctl.`,
    hint: 'Choose another name with -o, or delete it first.',
  })
}

const reasons: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) => `there is no folder ${dirname(path)}`,
  ENOTDIR: (path) => `${dirname(path)} is not a folder`,
  EISDIR: () => 'it is a folder',
  EACCES: () => 'you may not write there',
  EPERM: () => 'you may not write there',
  EROFS: () => 'its file system is read-only',
  ENOSPC: () => 'its disk is full',
  EDQUOT: () => 'your quota of its disk is used up',
  ENAMETOOLONG: () => 'its name is too long',
}

function unwritable(path: string, error: NodeJS.ErrnoException): Error {
  const reason = reasons[error.code ?? '']?.(path) ?? said(error)
  return refused({
    code: 'file-unwritable',
    message: `${path} cannot be written: ${reason}.`,
    hint: 'Choose another name with -o.',
    cause: error,
  })
}
