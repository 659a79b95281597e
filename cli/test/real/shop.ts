// What the tests on the real cluster share: shopctl and kubectl as a user runs them, in environment `test`,
// and copies of the tree that a test may change.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createShell, type Finished } from '../../src/adapters/shell.ts'

const shell = createShell()
export const root = join(import.meta.dirname, '..', '..', '..')
export let edgeUrl = 'http://127.0.0.1:31080'
export let namespace = 'shop-test'
let environmentName = 'test'

/** For the tests of one file in another environment. */
export function testIn(name: string, given: { namespace: string; edgeUrl: string }): void {
  environmentName = name
  ;({ namespace, edgeUrl } = given)
}

interface RunOptions {
  cwd?: string
  env?: Record<string, string>
  signal?: AbortSignal
}

let isProbed = false

/** The moves of this file have the probe, as they have for users. Elsewhere its seconds would add up to minutes. */
export function testWithProbe(): void {
  isProbed = true
}

const moves = ['switch', 'rollback', 'release']

function inTest(args: readonly string[]): string[] {
  const [verb = ''] = args
  return [
    ...(args.includes('--env') ? [] : ['--env', environmentName]),
    ...(!isProbed && moves.includes(verb) ? ['--no-probe'] : []),
    // The kept connections of tests before it would hold it up.
    ...(verb === 'cleanup' && !args.includes('--timeout') ? ['--now', '--timeout', '5'] : []),
  ]
}

/** Runs `shopctl … --env test`, unless `args` names another; never throws on an exit code. */
export function shopctl(
  args: readonly string[],
  { cwd = root, env, signal }: RunOptions = {},
): Promise<Finished> {
  return shell.run({
    program: process.execPath,
    args: [join(root, 'cli/bin/shopctl.js'), ...args, ...inTest(args)],
    cwd,
    ...(env && { env }),
    ...(signal && { signal }),
  })
}

/** The same, for a command that must succeed. */
export async function shopctlOk(args: readonly string[], options?: RunOptions): Promise<Finished> {
  const finished = await shopctl(args, options)
  if (finished.exitCode !== 0) {
    throw new Error(
      `shopctl ${args.join(' ')} → ${finished.exitCode}\n${finished.stdout}\n${finished.stderr}`,
    )
  }
  return finished
}

export async function shopctlJson<T>(args: readonly string[], options?: RunOptions): Promise<T> {
  return JSON.parse((await shopctlOk([...args, '--json'], options)).stdout) as T
}

export interface Slot {
  digest: string
  version: string
  revision: string
  replicas: number
  ready: number
  smoked: boolean
  consumers: number
  inFlight: number
}

export interface Status {
  release: string | null
  operation: null | { id: string; verb: string; step: string; next: string }
  lock: null | { holder: string; reason: string; since: string }
  services: Record<
    string,
    {
      active: 'blue' | 'green' | null
      epoch: number | null
      slots: Record<'blue' | 'green', Slot | null>
    }
  >
}

export function status(): Promise<Status> {
  return shopctlJson<Status>(['status'])
}

export function other(color: string | null | undefined): 'blue' | 'green' {
  return color === 'blue' ? 'green' : 'blue'
}

let environment: Promise<Record<string, string>> | undefined

/** KUBECONFIG, PATH, DOCKER_HOST and DOCKER_CONFIG as `eval "$(shopctl platform env)"` would set them. */
export function platformEnv(): Promise<Record<string, string>> {
  environment ??= shell
    .check({
      program: 'sh',
      args: [
        '-c',
        `eval "$('${process.execPath}' '${root}/cli/bin/shopctl.js' platform env)" && env -0`,
      ],
    })
    .then((text) =>
      Object.fromEntries(
        text
          .split('\0')
          .filter((entry) => /^(KUBECONFIG|PATH|DOCKER_HOST|DOCKER_CONFIG)=/.test(entry))
          .map((entry) => [
            entry.slice(0, entry.indexOf('=')),
            entry.slice(entry.indexOf('=') + 1),
          ]),
      ),
    )
  return environment
}

export async function kubectl(...args: string[]): Promise<Finished> {
  return shell.run({
    program: 'sh',
    args: ['-c', 'exec kubectl "$@"', 'kubectl', '-n', namespace, ...args],
    env: await platformEnv(),
  })
}

export async function kubectlOk(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await kubectl(...args)
  if (exitCode !== 0) throw new Error(`kubectl ${args.join(' ')} → ${exitCode}\n${stderr}`)
  return stdout
}

/** Runs a program in the first pod of these. */
export async function execInPod(
  selector: string,
  argv: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const pod = await kubectlOk('get', 'pods', '--selector', selector, '--output=name')
  const [name = ''] = pod.trim().split('\n')
  return shell.check({
    program: 'sh',
    args: ['-c', 'exec kubectl "$@"', 'kubectl', '-n', namespace, 'exec', name, '--', ...argv],
    env: await platformEnv(),
    ...(signal && { signal }),
  })
}

/** Options for `kubectl run`: the namespace accepts no other pods. */
export function restricted(container: string): string[] {
  const spec = {
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65532,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        name: container,
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  }
  return ['--override-type=strategic', `--overrides=${JSON.stringify({ spec })}`]
}

/** A value of a Secret. */
export async function secretValue(name: string, key: string): Promise<string> {
  return Buffer.from(
    await kubectlOk('get', 'secret', name, `--output=jsonpath={.data.${key}}`),
    'base64',
  ).toString()
}

/** Where this machine reaches a Service. */
export function clusterIp(service: string): Promise<string> {
  return kubectlOk('get', 'service', service, '--output=jsonpath={.spec.clusterIP}')
}

/** The pids of the helm processes that write releases whose names begin like this. */
export async function helms(release = ''): Promise<string[]> {
  // Other tests use helm in other namespaces.
  const command = `helm upgrade --install ${release}.*--namespace ${namespace} `
  // Not by the shell adapter: it starts programs from a shell, which has the pattern in its arguments, too.
  const { stdout } = await promisify(execFile)('pgrep', ['-f', command]).catch(() => ({
    stdout: '',
  }))
  return stdout.split('\n').filter(Boolean)
}

/** An environment with nothing in it: the namespace of an earlier run is deleted first. */
export async function freshEnvironment(): Promise<void> {
  await kubectlOk('delete', 'namespace', namespace, '--ignore-not-found', '--timeout=120s')
}

/** Lets go live again what rollbacks have put on hold. `run` returns the stdout of a shopctl command. */
export async function releaseHolds(
  run = async (args: readonly string[]) => (await shopctlOk(args)).stdout,
): Promise<void> {
  const { held } = JSON.parse(await run(['hold', '--json'])) as {
    held: { side: { digest: string } }[]
  }
  const digests = held.map(({ side }) => side.digest)
  if (digests.length > 0) await run(['hold', 'release', ...digests, '--reason', 'a test'])
}

/** Makes sure that all four services are live and nothing is on hold, whichever test ran before. */
export async function ensureLive(): Promise<void> {
  await releaseHolds()
  const { services } = await status()
  if (Object.values(services).every(({ active }) => active !== null)) return
  await shopctlOk(['release'])
}

export interface Tree {
  dir: string
  /** Replaces text in a file of the copy; the text must be there. */
  edit(file: string, from: string | RegExp, to: string): Promise<void>
  append(file: string, text: string): Promise<void>
  remove(): Promise<void>
}

/** A copy of the tracked and new files of this tree, with its node_modules, and a git history of its own. */
export async function copyTree(): Promise<Tree> {
  const dir = await mkdtemp(join(tmpdir(), 'shop-tree-'))
  const files = await shell.check({
    program: 'git',
    args: ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'],
    cwd: root,
  })
  for (const file of files.split('\0').filter(Boolean)) {
    await cp(join(root, file), join(dir, file)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error // deleted in the work tree, not yet committed
    })
  }
  await symlink(join(root, 'node_modules'), join(dir, 'node_modules'))
  const git = (...args: string[]): Promise<string> =>
    shell.check({
      program: 'git',
      args: ['-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args],
      cwd: dir,
    })
  await git('init', '--quiet')
  await git('add', '--all')
  await git('commit', '--quiet', '--message', 'A copy for a test')
  return {
    dir,
    async edit(file, from, to) {
      const source = await readFile(join(dir, file), 'utf8')
      const edited = source.replace(from, to)
      if (edited === source) throw new Error(`${file} does not have ${from}`)
      await writeFile(join(dir, file), edited)
    },
    async append(file, text) {
      await writeFile(join(dir, file), `${await readFile(join(dir, file), 'utf8')}${text}`)
    },
    remove: () => rm(dir, { recursive: true, force: true }),
  }
}

export function colors({ services }: Status): Record<string, string | null> {
  return Object.fromEntries(Object.entries(services).map(([name, { active }]) => [name, active]))
}

/** Starts `shopctl … --env test` without waiting for its end. */
export function startShopctl(
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
) {
  const child = spawn(
    process.execPath,
    [join(root, 'cli/bin/shopctl.js'), ...args, ...inTest(args)],
    {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // a process group of its own, so that a test can kill helm with it or leave helm alive
    },
  )
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  child.stdout.resume()
  return { child, stderr: () => stderr, ended: once(child, 'exit') }
}

export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await sleep(50)
  }
}
