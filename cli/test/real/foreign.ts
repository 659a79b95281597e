// What the test of foreign services is made of: a repository elsewhere with the packed CLI, a queue outside the
// cluster, and clients that keep their connections open.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { Agent, createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createShell, type Finished } from '../../src/adapters/shell.ts'
import { platformEnv, root, type Status } from './shop.ts'

const shell = createShell()

export interface Elsewhere {
  shopctl(...args: string[]): Promise<Finished>
  /** For a command that must succeed: what it printed. */
  ok(...args: string[]): Promise<string>
  json<T>(...args: string[]): Promise<T>
  status(): Promise<Status>
  /** kubectl or helm, in the namespace; must succeed. */
  tool(program: 'kubectl' | 'helm', ...args: string[]): Promise<string>
  /** Replaces text in a file; the text must be there. */
  edit(file: string, from: string | RegExp, to: string): Promise<void>
  write(file: string, text: string): Promise<void>
  commit(message: string): Promise<void>
  /** Throws away what was not committed. */
  reset(): Promise<void>
  remove(): Promise<void>
}

/** What `npm pack` makes of the CLI, and a copy of `templates/` that is a git repository with a namespace of its own. */
export async function createElsewhere(queueUrl: string): Promise<Elsewhere> {
  const folder = await mkdtemp(join(tmpdir(), 'foreign-'))
  const repo = join(folder, 'repo')
  const namespace = `foreign-${crypto.randomUUID().slice(0, 8)}`
  const program = await installPacked(join(folder, 'cli'))
  // What was built in place is no part of what is copied.
  const filter = (path: string) => !path.endsWith('/dist')
  await cp(join(root, 'templates'), repo, { recursive: true, filter })
  const git = (...args: string[]): Promise<string> =>
    shell.check({
      program: 'git',
      args: ['-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args],
      cwd: repo,
    })
  const shopctl = (...args: string[]): Promise<Finished> =>
    shell.run({ program: process.execPath, args: [program, ...args], cwd: repo })
  const elsewhere: Elsewhere = {
    shopctl,
    async ok(...args) {
      const { exitCode, stdout, stderr } = await shopctl(...args)
      if (exitCode === 0) return stdout
      throw new Error(`shopctl ${args.join(' ')} → ${exitCode}\n${stdout}\n${stderr}`)
    },
    json: async (...args) => JSON.parse(await elsewhere.ok(...args, '--json')),
    status: () => elsewhere.json<Status>('status'),
    tool: async (name, ...args) =>
      shell.check({
        program: 'sh',
        args: ['-c', 'exec "$0" "$@"', name, '--namespace', namespace, ...args],
        cwd: repo,
        env: await platformEnv(),
      }),
    async edit(file, from, to) {
      const source = await readFile(join(repo, file), 'utf8')
      const edited = source.replace(from, to)
      if (edited === source) throw new Error(`${file} does not have ${from}`)
      await elsewhere.write(file, edited)
    },
    write: (file, text) => writeFile(join(repo, file), text),
    async commit(message) {
      await git('add', '--all')
      await git('commit', '--quiet', '--message', message)
    },
    async reset() {
      await git('reset', '--quiet', '--hard')
      await git('clean', '--quiet', '--force', '-d')
    },
    async remove() {
      await elsewhere.tool(
        'kubectl',
        'delete',
        'namespace',
        namespace,
        '--ignore-not-found',
        '--wait=false',
      )
      await rm(folder, { recursive: true, force: true })
    },
  }
  await elsewhere.edit('shopctl.yaml', 'namespace: example', `namespace: ${namespace}`)
  await elsewhere.write('service-consumer/values.yaml', `queueUrl: ${queueUrl}\n`)
  await git('init', '--quiet')
  await elsewhere.commit('Two services')
  return elsewhere
}

/** Returns the path of its program. */
async function installPacked(folder: string): Promise<string> {
  const into = ['--silent', '--prefix', folder]
  const packed = await shell.check({
    program: 'npm',
    args: ['pack', '--silent', '--pack-destination', tmpdir()],
    cwd: join(root, 'cli'),
  })
  const archive = join(tmpdir(), packed.trim().split('\n').at(-1) ?? '')
  await shell.check({ program: 'npm', args: ['install', ...into, archive], cwd: tmpdir() })
  await rm(archive)
  return join(folder, 'node_modules/.bin/shopctl')
}

interface Item {
  takenBy: string[]
  takenAt: number
  done: number
}

export interface Queue {
  url: string
  items: Item[]
  /** No new item comes any more; waits until all that were taken are done. */
  drain(): Promise<void>
  close(): void
}

/** The address of this machine that pods reach. */
const host = '10.245.0.1'

/** Hands each item out once, some 100 a second, and notes who took it. */
export async function startQueue(): Promise<Queue> {
  const items: Item[] = []
  const started = Date.now()
  let left = Number.POSITIVE_INFINITY
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://queue')
    if (pathname === '/done') {
      const item = items[Number(searchParams.get('item'))]
      if (item) item.done += 1
      response.end()
      return
    }
    const isDue = items.length < Math.min(left, (Date.now() - started) / 10)
    if (!isDue) {
      response.end()
      return
    }
    response.end(`${items.length}`)
    items.push({ takenBy: [searchParams.get('by') ?? ''], takenAt: Date.now(), done: 0 })
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    items,
    async drain() {
      left = 0
      const deadline = Date.now() + 5_000
      while (items.some(({ done }) => done === 0) && Date.now() < deadline) await sleep(20)
    },
    close: () => server.close(),
  }
}

export interface Answer {
  at: number
  /** null: the request failed. */
  version: string | null
  /** Whether the connection was open before. */
  kept: boolean
}

export interface Clients {
  answers: Answer[]
  stop(): Promise<void>
}

/** `kept` clients that keep one connection each, and one that opens another for every request. */
export function startClients(url: string, kept: number): Clients {
  const answers: Answer[] = []
  let stopped = false
  const run = async (keepAlive: boolean): Promise<void> => {
    const agent = new Agent({ keepAlive, maxSockets: 1 })
    while (!stopped) {
      const version = await versionOf(url, agent)
      answers.push({ at: Date.now(), version, kept: keepAlive })
      // Not all at the same time.
      await sleep(Math.random() * 50)
    }
    agent.destroy()
  }
  const running = [run(false), ...Array.from({ length: kept }, () => run(true))]
  return {
    answers,
    async stop() {
      stopped = true
      await Promise.all(running)
    },
  }
}

function versionOf(url: string, agent: Agent): Promise<string | null> {
  return new Promise((resolve) => {
    const request = get(url, { agent }, (response) => {
      let body = ''
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve(JSON.parse(body).version))
      response.on('error', () => resolve(null))
    })
    request.on('error', () => resolve(null))
  })
}
