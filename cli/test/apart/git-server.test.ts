// The git server of the embedded platform, with the real git on both sides.
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createShell, type Finished } from '../../src/adapters/shell.ts'
import { gitServerModule, goModuleItem } from '../../src/platform/go-program.ts'
import { layoutOf } from '../../src/platform/layout.ts'
import { store } from '../../src/platform/store.ts'
import { type Started, startHelper, stopPrograms } from './observability-programs.ts'

const shell = createShell()
const layout = layoutOf(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'shopctl'))
const folder = mkdtempSync(join(tmpdir(), 'git-server-'))
const root = join(folder, 'served')
const password = 'a-password'
let program: string
let server: Started

const start = (): Promise<Started> =>
  startHelper(program, [`--root=${root}`, '--listen=127.0.0.1:0'], {
    PATH: process.env.PATH ?? '',
    GIT_PASSWORD: password,
  })

beforeAll(async () => {
  program = join(
    await store(layout, await goModuleItem(shell, layout, gitServerModule), () => {}),
    'git-server',
  )
  server = await start()
})
afterAll(async () => {
  await stopPrograms()
  rmSync(folder, { recursive: true })
})

/** git, which knows the password from its environment alone. */
function git(args: string[], secret = password): Promise<Finished> {
  const header = Buffer.from(`shopctl:${secret}`).toString('base64')
  const env = {
    ...{ GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null', GIT_TERMINAL_PROMPT: '0' },
    ...{ GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'http.extraHeader' },
    GIT_CONFIG_VALUE_0: `Authorization: Basic ${header}`,
  }
  return shell.run({ program: 'git', args: ['-C', work, ...args], env })
}

async function ok(...args: string[]): Promise<string> {
  const { exitCode, stdout, output } = await git(args)
  expect(exitCode, output).toBe(0)
  return stdout.trim()
}

let work: string
let count = 0
beforeEach(async () => {
  count += 1
  work = join(folder, `work-${count}`)
  await shell.check({ program: 'git', args: ['init', '--quiet', '--initial-branch=main', work] })
  await ok('remote', 'add', 'origin', `${server.url}/config.git`)
})

async function commit(text: string | Buffer): Promise<string> {
  writeFileSync(join(work, 'file'), text)
  await ok('add', 'file')
  const author = ['-c', 'user.name=a', '-c', 'user.email=a@b.test']
  await ok(...author, 'commit', '--quiet', '--message=change')
  return ok('rev-parse', 'HEAD')
}

const pushed = () => ok('ls-remote', 'origin', 'refs/heads/main')

describe('the repository', () => {
  it('is empty at first, and keeps what is pushed, also when the server starts again', async () => {
    expect(await ok('ls-remote', 'origin')).toBe('')
    const sha = await commit('one')
    await ok('push', '--quiet', 'origin', 'main')
    server = await start()
    await ok('remote', 'set-url', 'origin', `${server.url}/config.git`)
    expect(await pushed()).toBe(`${sha}\trefs/heads/main`)
  })

  it('takes another history by force, as git does', async () => {
    await commit('two')
    expect((await git(['push', 'origin', 'main'])).exitCode).not.toBe(0)
    const sha = await commit('three')
    await ok('push', '--quiet', '--force', 'origin', 'main')
    expect(await pushed()).toContain(sha)
  })

  it('takes a push of several megabytes, which git sends in chunks', async () => {
    const sha = await commit(randomBytes(3_000_000))
    await ok('push', '--quiet', '--force', 'origin', 'main')
    expect(await pushed()).toContain(sha)
  })

  it('gives a single commit by its name, without its files', async () => {
    const sha = await commit('four')
    await commit('five')
    await ok('push', '--quiet', '--force', 'origin', 'main')
    const clone = `${work}-clone`
    await ok('init', '--quiet', '--bare', clone)
    const fetch = ['fetch', '--quiet', '--depth=1', '--filter=blob:none']
    await ok('-C', clone, ...fetch, `${server.url}/config.git`, sha)
    const missing = await ok('-C', clone, 'rev-list', '--objects', '--missing=print', sha)
    expect(missing).toMatch(/^\?[0-9a-f]{40}$/m)
  })
})

it.each([
  ['ls-remote', 'origin'],
  ['push', 'origin', 'main'],
])('git %s needs the password', async (...args) => {
  await commit('six')
  const refused = await git(args, 'another')
  expect(refused.exitCode).toBe(128)
  expect(refused.stderr).toContain('could not read Username')
})

it.each(['/config.git/HEAD', '/config.git/../../file', '/other.git/HEAD'])(
  'shows nothing of %s to somebody without it',
  async (path) => {
    const { status } = await fetch(server.url + path)
    expect([401, 404]).toContain(status)
  },
)

it('does not take more than it has memory for', async () => {
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(1 << 20)),
  })
  const authorization = `Basic ${Buffer.from(`shopctl:${password}`).toString('base64')}`
  const sent = fetch(`${server.url}/config.git/git-receive-pack`, {
    ...{ method: 'POST', body, headers: { authorization }, duplex: 'half' },
  } as RequestInit)
  // The answer may come while the body is still being sent, which ends with the connection.
  const status = await sent.then(({ status }) => status).catch(() => 'ended')
  expect([413, 'ended']).toContain(status)
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
})

it('says what it needs', () => {
  const { status, stderr } = spawnSync(program, [`--root=${root}`], { env: {}, encoding: 'utf8' })
  expect([status, stderr]).toEqual([2, '--root and GIT_PASSWORD are needed\n'])
})
