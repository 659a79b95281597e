// The lock of the platform: only one start or stop runs at a time.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Identity, identify, isSame } from '../adapters/processes.ts'
import { refused } from '../errors.ts'
import type { Layout } from './layout.ts'

function busy(who: string): Error {
  return refused({
    code: 'platform-busy',
    message: `Another shopctl (${who}) is starting or stopping the platform.`,
    hint: 'Wait until it has ended, then run the command again.',
  })
}

/** Runs under the lock, or throws `refused`. Takes over a lock whose holder has ended, or from before a reboot. */
export async function withPlatformLock<T>(layout: Layout, run: () => Promise<T>): Promise<T> {
  const file = join(layout.home, 'lock.json')
  await mkdir(dirname(file), { recursive: true })
  const take = async (): Promise<boolean> => {
    const me = JSON.stringify(await identify(process.pid))
    return writeFile(file, me, { flag: 'wx' }).then(
      () => true,
      () => false,
    )
  }
  if (!(await take())) {
    const holder: Identity | null = JSON.parse(
      (await readFile(file, 'utf8').catch(() => 'null')) || 'null',
    )
    if (holder && isSame(holder, await identify(holder.pid))) {
      throw busy(`pid ${holder.pid}`)
    }
    await rm(file, { force: true })
    // Another process may have found the same old lock.
    if (!(await take())) throw busy('another process')
  }
  try {
    return await run()
  } finally {
    await rm(file, { force: true })
  }
}
