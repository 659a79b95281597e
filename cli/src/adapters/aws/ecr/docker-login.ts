// Lends docker a login for one command: in a configuration of its own, which is deleted afterwards.
import { rmSync } from 'node:fs'
import { readdir, readFile, symlink } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import type { Scratch } from '../../../release/ports/project.ts'

export interface Password {
  username: string
  password: string
}

/** The folders that exist now. A process that a second signal ends still deletes them. */
const lent = new Set<string>()
process.on('exit', () => {
  for (const folder of lent) rmSync(folder, { recursive: true, force: true })
})

/** `use` gets the variables with which docker finds the login. */
export async function lendLogin<T>(
  host: string,
  { username, password }: Password,
  scratch: Scratch,
  use: (env: Record<string, string>) => Promise<T>,
  env: NodeJS.ProcessEnv = process.env,
): Promise<T> {
  const own = ownFolder(env)
  const auth = Buffer.from(`${username}:${password}`).toString('base64')
  const settings = await readSettings(own)
  const config = {
    ...settings,
    auths: { ...mapIn(settings.auths), [host]: { auth } },
    // No helper for this host: it would win over this login.
    credHelpers: { ...mapIn(settings.credHelpers), [host]: '' },
  }
  let lentFolder = ''
  try {
    return await scratch.folder(async ({ path, write }) => {
      lentFolder = path
      lent.add(path)
      await write('config.json', Readable.from([JSON.stringify(config)]))
      for (const name of await namesBeside(own))
        await symlink(join(own ?? '', name), join(path, name))
      return await use({ DOCKER_CONFIG: path })
    })
  } finally {
    lent.delete(lentFolder)
  }
}

function ownFolder({ DOCKER_CONFIG }: NodeJS.ProcessEnv): string | null {
  try {
    return DOCKER_CONFIG || join(homedir(), '.docker')
  } catch {
    return null
  }
}

/** Docker keeps its contexts and plugins beside its configuration. TMPDIR may be there too. */
async function namesBeside(folder: string | null): Promise<string[]> {
  const names = folder === null ? [] : await readdir(folder).catch(() => [])
  const scratch = new Set([...lent].map((path) => basename(path)))
  return names.filter((name) => name !== 'config.json' && !scratch.has(name))
}

function mapIn(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {}
}

async function readSettings(folder: string | null): Promise<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(await readFile(join(folder ?? '', 'config.json'), 'utf8'))
    return { ...mapIn(value) }
  } catch {
    // There is none, or docker itself will say what is wrong with it.
    return {}
  }
}
