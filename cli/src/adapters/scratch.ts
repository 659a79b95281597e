// Temporary folders.
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Scratch } from '../release/ports/project.ts'

export function createScratch(): Scratch {
  return {
    async folder(use) {
      const path = await mkdtemp(join(tmpdir(), 'shopctl-'))
      try {
        return await use({
          path,
          write: (name, parts) =>
            pipeline(Readable.from(parts), createWriteStream(join(path, name), { mode: 0o600 })),
        })
      } finally {
        await rm(path, { recursive: true, force: true })
      }
    },
  }
}
