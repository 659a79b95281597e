// Finds shopctl.yaml in a folder or above it. It names programs, so it must belong to the user who runs them.
import { lstat, open, stat } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { refused, said } from '../errors.ts'
import type { Shell } from './shell.ts'

export interface ConfigFile {
  text: string
  /** Its folder; paths in it are relative to it. */
  root: string
  /** Its path from the current folder, for messages. */
  shown: string
}

export interface User {
  uid: number
  /** The user who ran sudo. */
  sudoUid?: number
}

interface Search {
  name: string
  from: string
  /** undefined: this system has no owners. */
  user?: User | undefined
  env?: Readonly<Record<string, string>>
}

const mostBytes = 2 ** 20

export async function findConfigFile(
  shell: Pick<Shell, 'run'>,
  { name, from, user = currentUser(), env = {} }: Search,
): Promise<ConfigFile> {
  for (let root = from; ; root = dirname(root)) {
    const file = join(root, name)
    const shown = relative(from, file)
    const owners = await ownersOf(file, shown)
    if (owners) {
      const foreign = user && owners.find((uid) => !isOwn(uid, user))
      if (foreign !== undefined && !(await isTrusted(shell, root, env)))
        throw foreignFile(shown, root, foreign)
      return { text: await readText(file, shown), root, shown }
    }
    if (root === dirname(root)) {
      throw refused({
        code: 'no-config',
        message: `There is no ${name} in ${from} or above it.`,
        hint: `Go to the folder of your project, or write a ${name} there.`,
      })
    }
  }
}

/** Node throws when the folder was deleted. */
export function currentFolder(): string {
  try {
    return process.cwd()
  } catch (cause) {
    throw refused({
      code: 'no-folder',
      message: 'The current folder was deleted.',
      hint: 'Go to the folder of your project with `cd`, then run the command again.',
      cause,
    })
  }
}

function currentUser(): User | undefined {
  const uid = process.geteuid?.()
  const { SUDO_UID = '' } = process.env
  if (uid === undefined) return undefined
  return /^\d+$/.test(SUDO_UID) ? { uid, sudoUid: Number(SUDO_UID) } : { uid }
}

/** As git decides for a repository. */
function isOwn(uid: number, user: User): boolean {
  return uid === user.uid || (user.uid === 0 && uid === user.sudoUid)
}

/** What `stat` finds wrong with a link, by its code. */
const brokenLinks: Readonly<Record<string, string>> = {
  ENOENT: 'a link to nothing',
  ENOTDIR: 'a link to nothing',
  ELOOP: 'a link that leads back to itself',
}

/** The owners of the folder, of the file, and of what it links to. null: there is no such file. */
async function ownersOf(file: string, shown: string): Promise<number[] | null> {
  const entry = await lstat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw unreadable(shown, error)
  })
  if (!entry) return null
  const [folder, target] = await Promise.all([stat(dirname(file)), stat(file)]).catch((error) => {
    const broken = entry.isSymbolicLink() && brokenLinks[error.code]
    throw broken ? badFile(`${shown} is ${broken}.`) : unreadable(shown, error)
  })
  // Reading a pipe or a device may never end.
  if (!target.isFile()) throw badFile(`${shown} is not a file.`)
  if (target.size > mostBytes) throw badFile(`${shown} is larger than 1 MiB.`)
  return [folder.uid, entry.uid, target.uid]
}

/** By the user's setting `safe.directory` of git. The repository's own configuration does not count. */
async function isTrusted(
  shell: Pick<Shell, 'run'>,
  folder: string,
  env: Readonly<Record<string, string>>,
): Promise<boolean> {
  const args = ['config', '--null', '--show-scope', '--get-all', 'safe.directory']
  const finished = await shell.run({ program: 'git', args, cwd: '/', env }).catch(() => null)
  const words = finished?.stdout.split('\0') ?? []
  let trusted: string[] = []
  for (let index = 0; index + 1 < words.length; index += 2) {
    const [scope = '', value = ''] = words.slice(index, index + 2)
    if (!['system', 'global', 'command'].includes(scope)) continue
    // An empty value discards those before it.
    trusted = value === '' ? [] : [...trusted, value]
  }
  return trusted.some(
    (value) =>
      value === '*' ||
      value.replace(/(?<=.)\/$/, '') === folder ||
      (value.endsWith('/*') && folder.startsWith(value.slice(0, -1))),
  )
}

async function readText(file: string, shown: string): Promise<string> {
  const handle = await open(file).catch((error) => {
    throw unreadable(shown, error)
  })
  const bytes = await handle.readFile().finally(() => handle.close())
  const text = bytes.toString('utf8')
  if (Buffer.from(text, 'utf8').equals(bytes)) return text
  const before = text.slice(0, text.indexOf('\uFFFD')).split('\n')
  const place = `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`
  throw badFile(`${shown}:${place}: expected UTF-8.`)
}

function foreignFile(shown: string, root: string, uid: number): Error {
  return refused({
    code: 'foreign-config',
    message: `${shown} or its folder belongs to another user (uid ${uid}), and the programs that it names would run with your rights.`,
    hint: `If you trust it, run \`git config --global --add safe.directory ${root}\`, as for git.`,
  })
}

function unreadable(shown: string, error: unknown): Error {
  return badFile(`${shown} cannot be read: ${said(error)}.`)
}

function badFile(message: string): Error {
  return refused({
    code: 'bad-config',
    message,
    hint: 'Correct it, then run the command again.',
  })
}
