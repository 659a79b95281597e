// Runs a SonarQube server of this machine: as an unprivileged user, on loopback, its data thrown away.
import { chown, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command, Shell } from '../src/adapters/shell.ts'
import { failed, refused } from '../src/errors.ts'
import { inRoot } from './fetch.ts'

const nobody = 65534
const startLimitMs = 600_000

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  return Promise.all(
    servers.map(async (server) => {
      const address = server.address()
      await new Promise((resolve) => server.close(resolve))
      return typeof address === 'object' && address ? address.port : 0
    }),
  )
}

/** Of the server: on loopback, without a word to its vendor. */
export function settingsOf([
  web = 0,
  search = 0,
  transport = 0,
  database = 0,
]: readonly number[]): string[] {
  const settings = {
    'path.data': `${inRoot.data}/data`,
    'path.logs': `${inRoot.data}/logs`,
    'path.temp': `${inRoot.data}/temp`,
    'web.host': '127.0.0.1',
    'web.port': web,
    'search.host': '127.0.0.1',
    'search.port': search,
    'es.port': transport,
    'embeddedDatabase.port': database,
    'telemetry.enable': false,
    'updatecenter.activate': false,
    'web.javaOpts': '-Xmx512m',
    'ce.javaOpts': '-Xmx768m',
    'search.javaOpts': '-Xmx512m -Xms512m',
    // Without it, it asks for a setting of the kernel.
    'search.javaAdditionalOpts': '-Dnode.store.allow_mmap=false',
  }
  return Object.entries(settings).map(([key, value]) => `-Dsonar.${key}=${value}`)
}

/**
 * Becomes the server, as `nobody` in its own Debian. The mounts are seen by its processes only, and end with them.
 * $0: that Debian; $1: a folder to mount it on; $2: the folder of the data.
 */
const asNobody = `mount --bind "$0" "$1" && mount --bind "$2" "$1${inRoot.data}" &&
mount --bind "$2/extensions" "$1${inRoot.server}/extensions" &&
mount --bind /proc "$1/proc" && cd "$1" && shift 2 &&
exec chroot . setpriv --reuid=${nobody} --regid=${nobody} --clear-groups --no-new-privs env --chdir=${inRoot.server} HOME=${inRoot.data} SONAR_JAVA_PATH=${inRoot.java} "$@"`

function startCommand(programs: string, scratch: string, ports: readonly number[]): Command {
  const folders = [join(programs, 'root'), join(scratch, 'root'), join(scratch, 'data')]
  const java = [inRoot.java, '-Xmx64m', '-jar', inRoot.jar, ...settingsOf(ports)]
  return {
    program: 'unshare',
    args: ['--mount', 'sh', '-c', asNobody, ...folders, ...java],
  }
}

async function isUp(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/api/system/status`).catch(() => null)
  return answer?.ok === true && ((await answer.json()) as { status: string }).status === 'UP'
}

/** In the log of the web server, which says why it ended. */
async function webErrors(logs: string): Promise<string[]> {
  const text = await readFile(join(logs, 'web.log'), 'utf8').catch(() => '')
  return text.split('\n').filter((line) => / ERROR |^Caused by/.test(line))
}

/** Throws `failed`, with what the server said last, when it ended or is not up in time. */
async function waitUntilUp(
  url: string,
  { ended, lines, logs }: { ended: AbortSignal; lines: readonly string[]; logs: string },
): Promise<void> {
  for (const until = Date.now() + startLimitMs; Date.now() < until; await sleep(500)) {
    if (ended.aborted) break
    if (await isUp(url)) return
  }
  const last = [...lines, ...(await webErrors(logs))].slice(-8).join('\n')
  throw failed({
    code: 'quality-server',
    message: `SonarQube did not start. Its last lines:\n${last}`,
    hint: 'It needs 2.5 GiB of free memory. Then run the command again.',
  })
}

/** A folder with `root`, a place for mounts, and `data`, which the server may write. */
async function makeScratch(): Promise<string> {
  const scratch = await mkdtemp(join(tmpdir(), 'shopctl-sonarqube-'))
  await mkdir(join(scratch, 'root'))
  for (const name of ['data', 'data/data', 'data/logs', 'data/temp', 'data/extensions']) {
    await mkdir(join(scratch, name))
    await chown(join(scratch, name), nobody, nobody)
  }
  return scratch
}

/** Before anything is fetched. */
export function checkUser(): void {
  if (process.getuid?.() === 0) return
  throw refused({
    code: 'not-root',
    message: 'Starting SonarQube as a user without rights, in a Debian of its own, needs root.',
    hint: 'Run the command again with `sudo --preserve-env=PATH,HOME`.',
  })
}

/**
 * Runs a server while `use` runs. It is up when the promise that `waiting` gets has settled. `use` gets
 * `http://127.0.0.1:PORT`; the administrator is admin with the password admin.
 */
export async function withServer<T>(
  shell: Shell,
  programs: string,
  waiting: (up: () => Promise<void>) => Promise<void>,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const scratch = await makeScratch()
  const stop = new AbortController()
  const ended = new AbortController()
  const lines: string[] = []
  const ports = await freePorts(4)
  const command = startCommand(programs, scratch, ports)
  const serving = shell
    .run({ ...command, signal: stop.signal, keepOutput: false }, (line) => lines.push(line))
    .catch(() => {})
    .finally(() => ended.abort())
  try {
    const url = `http://127.0.0.1:${ports[0]}`
    const logs = join(scratch, 'data/logs')
    await waiting(() => waitUntilUp(url, { ended: ended.signal, lines, logs }))
    return await use(url)
  } finally {
    stop.abort()
    await serving
    await rm(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}
