// Reads the kernel's mount table, and unmounts.
import { readFile, rm } from 'node:fs/promises'
import type { Shell } from '../adapters/shell.ts'
import { failed } from '../errors.ts'

export interface Mount {
  target: string
  type: string
  /** Options of the file system. For a cgroup v1 hierarchy: its controllers. */
  options: readonly string[]
}

// The kernel writes blanks, tabs, newlines and backslashes in a path as octal numbers.
function unescapePath(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCodePoint(Number.parseInt(octal, 8)),
  )
}

/** Parses /proc/PID/mountinfo, in the order of mounting. */
export function parseMountinfo(text: string): Mount[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [place = '', filesystem = ''] = line.split(' - ')
      const [type = '', , options = ''] = filesystem.split(' ')
      return { target: unescapePath(place.split(' ')[4] ?? ''), type, options: options.split(',') }
    })
}

export async function listMounts(): Promise<Mount[]> {
  return parseMountinfo(await readFile('/proc/self/mountinfo', 'utf8'))
}

/** Mount points at or below one of the folders, the latest first: the order to unmount them. */
export function mountsBelow(mounts: readonly Mount[], folders: readonly string[]): string[] {
  return mounts
    .map((mount) => mount.target)
    .filter((target) =>
      folders.some((folder) => target === folder || target.startsWith(`${folder}/`)),
    )
    .reverse()
}

/** Unmounts everything at or below the folders. */
export async function unmountBelow(shell: Shell, folders: readonly string[]): Promise<void> {
  for (const target of mountsBelow(await listMounts(), folders)) {
    const { exitCode } = await shell.run({ program: 'umount', args: [target] })
    // Busy: an ending process still has it open. A lazy unmount waits for its end.
    if (exitCode !== 0) await shell.run({ program: 'umount', args: ['--lazy', target] })
  }
}

/** Removes a folder with everything in it, after unmounting what is mounted there. */
export async function removeFolder(shell: Shell, folder: string): Promise<void> {
  await unmountBelow(shell, [folder])
  const [mounted] = mountsBelow(await listMounts(), [folder])
  // The mount may be the machine's own /dev, or the user's data.
  if (mounted !== undefined) {
    throw failed({
      code: 'still-mounted',
      message: `${mounted} cannot be unmounted, so ${folder} was not removed.`,
      hint: `Run \`umount ${mounted}\`, then run the command again.`,
    })
  }
  await rm(folder, { recursive: true, force: true })
}
