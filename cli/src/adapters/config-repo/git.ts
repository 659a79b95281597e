// Runs git for a config repo: by itself, with nobody to ask, and without the user's hooks.
import { rename, rm, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { refused } from '../../errors.ts'
import type { Finished, Limit, Shell } from '../shell.ts'
import { hostOf, isSsh, originOf } from './address.ts'

export interface GitOptions {
  url: string
  /** The bare clone. */
  folder: string
  /** Of each git command. */
  limit: Limit
  env: NodeJS.ProcessEnv
}

export interface GitInput {
  input?: string | Uint8Array
  signal?: AbortSignal | undefined
  /** Default: the clone. */
  folder?: string
}

export type Git = (args: readonly string[], more?: GitInput) => Promise<Finished>

/** Settings of every command. Some would ask, some would run programs of the user, some would change the answers. */
const settings: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.filesRefLockTimeout', '1000'],
  ['core.packedRefsTimeout', '1000'],
  ['core.quotePath', 'false'],
  ['gc.autoDetach', 'false'],
  ['maintenance.autoDetach', 'false'],
  ['fetch.recurseSubmodules', 'false'],
  ['fetch.writeCommitGraph', 'false'],
  ['push.recurseSubmodules', 'no'],
  ['push.followTags', 'false'],
  ['push.gpgSign', 'false'],
  ['log.showSignature', 'false'],
  ['protocol.version', '2'],
  ['credential.interactive', 'false'],
]

/** The shell that git starts reads the token from its environment: it is in no argument and in no file. */
const helper = String.raw`!f() { test "$1" = get && printf 'username=%s\npassword=%s\n' "$SHOPCTL_GIT_USER" "$SHOPCTL_GIT_TOKEN"; }; f`

/** Variables of git. With a token, no other login is tried for the host, and none is stored. */
export function gitEnv({ url, folder, env }: Omit<GitOptions, 'limit'>): Record<string, string> {
  const token = tokenIn(env)
  const origin = originOf(url)
  const login =
    token && origin
      ? [
          [`credential.${origin}.helper`, ''],
          [`credential.${origin}.helper`, helper],
        ]
      : []
  const first = Number.parseInt(env.GIT_CONFIG_COUNT ?? '', 10) || 0
  const all = [...settings, ...login]
  const config = all.flatMap(([key = '', value = ''], index) => [
    [`GIT_CONFIG_KEY_${first + index}`, key],
    [`GIT_CONFIG_VALUE_${first + index}`, value],
  ])
  return {
    ...Object.fromEntries(config),
    GIT_CONFIG_COUNT: String(first + all.length),
    GIT_DIR: folder,
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    SSH_ASKPASS: '',
    GIT_LITERAL_PATHSPECS: '1',
    LC_ALL: 'C',
    ...(token && { SHOPCTL_GIT_TOKEN: token, SHOPCTL_GIT_USER: env.SHOPCTL_GIT_USER || 'git' }),
  }
}

/** null: there is none. Refused if no helper could hand it on. */
export function tokenIn({ SHOPCTL_GIT_TOKEN, SHOPCTL_GIT_USER = '' }: NodeJS.ProcessEnv) {
  // A variable that was read from a file ends with a line end.
  const token = SHOPCTL_GIT_TOKEN?.trim()
  if (!token) return null
  if (!/\p{Cc}/u.test(token + SHOPCTL_GIT_USER)) return token
  throw refused({
    code: 'config-repo-login',
    message: 'SHOPCTL_GIT_TOKEN or SHOPCTL_GIT_USER has more than one line.',
    hint: 'Set it to the token alone, then run the command again.',
  })
}

/** Of a git that was killed, its locks are left. */
const leftSeconds = 15
const pauseMs = 150
const lockHeld =
  /(?:^(?!remote:).*Unable to create '(.+?\.lock)': File exists)|shallow file has changed/m

export function createGit(shell: Pick<Shell, 'run'>, options: GitOptions): Git {
  const { url, limit, env } = options
  const token = tokenIn(env)
  const variables: Record<string, string> = { ...definedIn(env), ...gitEnv(options) }
  const hide = (text: string): string => (token ? text.replaceAll(token, '***') : text)
  const run: Git = async (args, { input, signal, folder } = {}) => {
    const finished = await shell.run({
      program: 'git',
      args,
      env: { ...variables, ...(folder !== undefined && { GIT_DIR: folder }) },
      limit,
      title: `git ${args.find((arg) => /^[a-z][a-z-]*$/.test(arg))} (${hostOf(url)})`,
      ...(input !== undefined && { input }),
      ...(signal && { signal }),
    })
    return { ...finished, stderr: hide(finished.stderr), output: hide(finished.output) }
  }
  const ssh = isSsh(url) ? sshCommand(run, env) : null
  return async (args, more) => {
    if (ssh) variables.GIT_SSH_COMMAND = await ssh
    const end = Date.now() + limit.seconds * 1000
    for (;;) {
      const finished = await run(args, more)
      const held = finished.exitCode === 0 ? null : lockHeld.exec(finished.stderr)
      if (!held || Date.now() > end || more?.signal?.aborted) return finished
      if (held[1]) await removeLeft(held[1], limit)
      await sleep(pauseMs)
    }
  }
}

function definedIn(env: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  )
  return Object.fromEntries(entries)
}

/** With the user's own command for ssh. */
async function sshCommand(run: Git, env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await run(['config', '--get', 'core.sshCommand'])
  const command = env.GIT_SSH_COMMAND || stdout.trim() || env.GIT_SSH || 'ssh'
  return `${command} -o BatchMode=yes`
}

/** No git of ours runs longer than its limit: an older lock has no owner. */
async function removeLeft(lock: string, { seconds }: Limit): Promise<void> {
  const found = await stat(lock).catch(() => null)
  if (!found || Date.now() - found.mtimeMs < (seconds + leftSeconds) * 1000) return
  // Only one of several processes moves it away.
  const aside = `${lock}.${process.pid}.left`
  await rename(lock, aside).catch(() => {})
  await rm(aside, { force: true })
}
