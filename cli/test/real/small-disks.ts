// Small disks in the place of the volumes of the observability stack, so that they can be full.
import { execFile } from 'node:child_process'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { stack } from './observability.ts'
import { kubectlOk } from './shop.ts'

const sh = promisify(execFile)

/** Folders of the machine: of each claim, and of the collector. */
async function foldersOfStack(): Promise<string[]> {
  const get = async <T>(...args: string[]): Promise<T[]> =>
    (JSON.parse(await kubectlOk('get', ...args, '--output=json')) as { items: T[] }).items
  const volumes = await get<{
    spec: { local: { path: string }; claimRef: { namespace: string } }
  }>('pv')
  const [collector] = await get<{
    spec: { template: { spec: { volumes: { name: string; hostPath?: { path: string } }[] } } }
  }>('daemonset', `--namespace=${stack}`, '--selector=app.kubernetes.io/name=log-collector')
  const state = collector?.spec.template.spec.volumes.find(({ name }) => name === 'state')
  if (!state?.hostPath) throw new Error('the collector keeps nothing on its node')
  const claimed = volumes.filter(({ spec }) => spec.claimRef.namespace === stack)
  return [...claimed.map(({ spec }) => spec.local.path), state.hostPath.path]
}

export interface SmallDisks {
  /** Writes until nothing more fits. */
  fill(): Promise<void>
  /** Pods that have started meanwhile keep theirs. */
  remove(): Promise<void>
}

/** Pods that start from now on get them. */
export async function mountSmallDisks(): Promise<SmallDisks> {
  const mounted: string[] = []
  const disks: SmallDisks = {
    async fill() {
      await Promise.all(mounted.map(fillDisk))
    },
    async remove() {
      const left = mounted.splice(0)
      const ends = await Promise.allSettled(left.map((folder) => sh('umount', ['--lazy', folder])))
      const failed = ends.find((end) => end.status === 'rejected')
      if (failed) throw failed.reason
    },
  }
  try {
    for (const folder of await foldersOfStack()) {
      await sh('mount', ['-t', 'tmpfs', '-o', 'size=96m,mode=777', 'tmpfs', folder])
      mounted.push(folder)
    }
  } catch (error) {
    await disks.remove()
    throw error
  }
  return disks
}

async function fillDisk(folder: string): Promise<void> {
  const file = await open(join(folder, 'filler'), 'w')
  try {
    const block = Buffer.alloc(64 * 1024)
    while ((await file.write(block)).bytesWritten === block.length);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    await file.close()
  }
}
