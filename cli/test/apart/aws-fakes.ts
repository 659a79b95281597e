// Two fakes of AWS from PyPI, each in an environment of its own that is made once: moto and ministack.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { createShell } from '../../src/adapters/shell.ts'
import { installPackages } from '../../src/platform/debian.ts'
import type { Servers } from '../fakes/api-server.ts'
import { listen } from '../fakes/token-server.ts'
import { until } from '../real/shop.ts'

const shell = createShell()
// moto's own extra `server` brings 200 MB that its ECR and STS do not need.
const moto = ['moto==5.2.1', 'flask==3.1.3', 'flask-cors==6.0.5']
const ministack = ['ministack==1.5.33']

export interface AwsFake {
  /** `http://127.0.0.1:PORT` */
  url: string
  stop(): Promise<void>
}

/** The folder `bin` of an environment with these packages. */
export async function pythonWith(packages: readonly string[]): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'shopctl')
  const hash = createHash('sha256').update(packages.join()).digest('hex').slice(0, 12)
  const folder = join(cache, `python-${hash}`)
  const complete = join(folder, 'complete')
  const bin = join(folder, 'bin')
  if (existsSync(complete)) return bin
  // An environment cannot be moved: so it is made where it stays.
  await rm(folder, { recursive: true, force: true })
  await mkdir(cache, { recursive: true })
  const make = () => shell.run({ program: 'python3', args: ['-m', 'venv', folder] })
  const made = await make().catch(() => null)
  if (made?.exitCode !== 0) {
    await installPackages(shell, ['python3', 'python3-venv'])
    await make()
  }
  const args = ['install', '--quiet', '--no-compile', '--disable-pip-version-check', ...packages]
  await shell.check({ program: join(bin, 'pip'), args })
  await writeFile(complete, '')
  return bin
}

async function start(
  bin: string,
  commandOf: (port: string) => { program: string; args: string[]; env?: Record<string, string> },
): Promise<AwsFake> {
  const server = createServer()
  const address = await listen(server)
  await new Promise((resolve) => server.close(resolve))
  const { program, args, env } = commandOf(address.split(':')[1] ?? '')
  const stop = new AbortController()
  const { signal } = stop
  const command = { program: join(bin, program), args, signal, ...(env && { env }) }
  const serving = shell.run(command).catch(() => {})
  const url = `http://${address}`
  await until('it answers', () =>
    fetch(url).then(
      () => true,
      () => false,
    ),
  )
  return {
    url,
    async stop() {
      stop.abort()
      await serving
    },
  }
}

/** Serves the images of a fake over TLS, as those of ECR are. Returns the port. */
export function serveTls(servers: Servers, { url }: AwsFake): Promise<number> {
  const backend = Number(new URL(url).port)
  const read = (file: string): Buffer => readFileSync(join(servers.folder, file))
  const front = createTlsServer({ key: read('server.key'), cert: read('server.pem') }, (socket) => {
    const upstream = connect(backend, '127.0.0.1')
    socket.pipe(upstream).pipe(socket)
    for (const end of [socket, upstream]) end.on('error', () => socket.destroy())
  })
  return servers.start(front)
}

export async function startMoto(): Promise<AwsFake> {
  return start(await pythonWith(moto), (port) => ({
    program: 'moto_server',
    args: ['-H', '127.0.0.1', '-p', port],
  }))
}

/** With `checks`, it checks signatures, policies and trust policies. The account is 000000000000, its key `test`. */
export async function startMinistack({ checks = false } = {}): Promise<AwsFake> {
  return start(await pythonWith(ministack), (port) => ({
    program: 'ministack',
    args: [],
    env: {
      // Without them it listens on all addresses, and on another port.
      ...{ BIND_HOST: '127.0.0.1', GATEWAY_PORT: port, IOT_MTLS_ENABLED: '0' },
      // A key in the environment would be the root's.
      ...(checks && { AUTH: 'true', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' }),
    },
  }))
}
