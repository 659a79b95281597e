// A docker engine of a test, which builds and pushes images and runs none. It needs root and the platform's programs.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createShell } from '../../src/adapters/shell.ts'
import { until } from '../real/shop.ts'
import { enginePrograms } from './registry-server.ts'

export interface Engine {
  /** For docker's client: where the engine is, and a configuration without logins. */
  env: { DOCKER_HOST: string; DOCKER_CONFIG: string; PATH: string }
  stop(): Promise<void>
}

/** `env` is for the engine itself: HTTPS_PROXY, SSL_CERT_FILE. */
export async function startEngine(env: Record<string, string>): Promise<Engine> {
  const programs = enginePrograms()
  const folder = await mkdtemp(join(tmpdir(), 'engine-'))
  const socketPath = join(folder, 'docker.sock')
  const settings = {
    hosts: [`unix://${socketPath}`],
    'data-root': join(folder, 'data'),
    'exec-root': join(folder, 'run'),
    pidfile: join(folder, 'pid'),
    'storage-driver': 'vfs',
    // No network: it changes nothing on this machine.
    ...{ bridge: 'none', iptables: false, ip6tables: false, 'ip-masq': false, 'ip-forward': false },
    'log-level': 'error',
  }
  const file = join(folder, 'docker.json')
  await writeFile(file, JSON.stringify(settings))
  const plugins = join(folder, 'client', 'cli-plugins')
  await mkdir(plugins, { recursive: true })
  const buildx = 'libexec/docker/cli-plugins/docker-buildx'
  await symlink(join(programs, '..', buildx), join(plugins, 'docker-buildx'))

  const PATH = `${programs}:${join(programs, '..', 'sbin')}:${process.env.PATH}`
  const stop = new AbortController()
  const { signal } = stop
  // SIGTERM: it ends its containerd.
  const shell = createShell({ seconds: 600, setting: '' }, 'SIGTERM')
  const command = { program: 'dockerd', args: ['--config-file', file], env: { ...env, PATH } }
  const serving = shell.run({ ...command, signal, keepOutput: false }).catch(() => {})
  await until('the engine answers', () => answers(socketPath))
  return {
    env: { DOCKER_HOST: `unix://${socketPath}`, DOCKER_CONFIG: join(folder, 'client'), PATH },
    async stop() {
      stop.abort()
      await serving
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    get({ socketPath, path: '/_ping' }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    }).on('error', () => resolve(false))
  })
}
