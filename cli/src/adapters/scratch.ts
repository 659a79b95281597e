// Temporary folders.
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { refused } from '../errors.ts'
import type { Scratch } from '../release/ports/project.ts'

export function createScratch(): Scratch {
  return {
    async folder(use) {
      const path = await mkdtemp(join(tmpdir(), 'shopctl-')).catch(explain)
      try {
        return await use({
          path,
          async write(name, parts) {
            const file = join(path, name)
            await mkdir(dirname(file), { recursive: true }).catch(explain)
            const writing = createWriteStream(file, { mode: 0o600 })
            await pipeline(Readable.from(parts), writing).catch(explain)
          },
        })
      } finally {
        await rm(path, { recursive: true, force: true })
      }
    },
  }
}

const reasons: Record<string, string> = {
  EROFS: 'its file system is read-only',
  ENOSPC: 'its disk is full',
  EDQUOT: 'your quota of its disk is used up',
  EACCES: 'you may not write to it',
  EPERM: 'you may not write to it',
  ENOENT: 'it does not exist',
  ENOTDIR: 'it is not a folder',
}

function explain(error: NodeJS.ErrnoException): never {
  const reason = reasons[error.code ?? '']
  if (reason === undefined) throw error
  throw refused({
    code: 'no-temporary-folder',
    message: `The temporary folder ${tmpdir()} cannot be used: ${reason}.`,
    hint: 'Free space in it, or set TMPDIR to another folder. Then run the command again.',
    cause: error,
  })
}
