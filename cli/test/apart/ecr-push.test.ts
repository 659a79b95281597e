// `shopctl push` to Amazon ECR, from the command line to the registry: only docker and AWS are stand-ins.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createShell, type Finished } from '../../src/adapters/shell.ts'
import { createHttpProxy, createServers, type Servers } from '../fakes/api-server.ts'
import { root, until } from '../real/shop.ts'
import { type AwsFake, serveTls, startMinistack } from './aws-fakes.ts'
import { createProject } from './project.ts'

const host = '000000000000.dkr.ecr.eu-central-1.amazonaws.com'
const auth = Buffer.from('AWS:ministack-auth-token').toString('base64')
const shell = createShell()
const launcher = join(root, 'cli/bin/shopctl.js')

let folder = ''
let servers: Servers
let fake: AwsFake
let env: Record<string, string> = {}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ecr-push-'))
  await createProject(join(folder, 'project'), `${host}/shops`)

  const docker = join(folder, 'docker')
  const stub = join(import.meta.dirname, 'docker-stub.mjs')
  writeFileSync(docker, `#!/bin/sh\nexec '${process.execPath}' '${stub}' "$@"\n`)
  chmodSync(docker, 0o755)

  servers = createServers()
  fake = await startMinistack()
  const proxy = createHttpProxy(await serveTls(servers, fake), [])
  env = {
    ...{ PATH: `${folder}:${process.env.PATH}`, HOME: folder, XDG_CACHE_HOME: '', TMPDIR: folder },
    ...{ STUB: folder, STUB_URL: fake.url },
    NODE_EXTRA_CA_CERTS: join(servers.folder, 'ca.pem'),
    HTTPS_PROXY: `http://127.0.0.1:${await servers.start(proxy)}`,
    ...{ AWS_ENDPOINT_URL: fake.url, AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
  }
})
afterAll(async () => {
  await servers.stopAll()
  servers.remove()
  await fake.stop()
  rmSync(folder, { recursive: true })
})

function shopctl(args: string[], more: Record<string, string> = {}): Promise<Finished> {
  const command = [launcher, ...args, '--env', 'prod']
  const cwd = join(folder, 'project')
  return shell.run({ program: process.execPath, args: command, cwd, env: { ...env, ...more } })
}

/** The configuration that docker had, which must be gone. */
function login(file = 'login.json'): { config: string } {
  const { folder: lent, config } = JSON.parse(readFileSync(join(folder, file), 'utf8'))
  expect(lent).toContain(`${folder}/shopctl-`)
  expect(existsSync(lent)).toBe(false)
  return { config }
}

it('without AWS credentials nothing is done', async () => {
  const none = {
    AWS_ACCESS_KEY_ID: '',
    AWS_SECRET_ACCESS_KEY: '',
    AWS_EC2_METADATA_DISABLED: 'true',
  }
  const { exitCode, stderr } = await shopctl(['push'], none)
  expect(stderr).toMatch(/There are no AWS credentials[\s\S]*aws sso login/)
  expect(exitCode).toBe(2)
})

it('a build reads and writes its cache with a login of AWS, in a repository that exists', async () => {
  expect(await shopctl(['build'])).toMatchObject({ exitCode: 0 })
  expect(JSON.parse(login('cache-login.json').config)).toMatchObject({
    auths: { [host]: { auth } },
  })
  const found = await fetch(`${fake.url}/v2/shops/shop/order/tags/list`)
  expect(found.status).toBe(200)
})

it('a push that fails leaves no login behind', async () => {
  const { exitCode, stderr } = await shopctl(['push'], { STUB_PUSH: 'fails' })
  expect(stderr).toMatch(/500 Internal Server Error/)
  expect(exitCode).toBe(1)
  login()
})

it('a push that is interrupted leaves no login behind', async () => {
  rmSync(join(folder, 'login.json'))
  const args = [launcher, 'push', '--env', 'prod']
  const hanging = spawn(process.execPath, args, {
    cwd: join(folder, 'project'),
    env: { ...process.env, ...env, STUB_PUSH: 'hangs' },
    stdio: 'ignore',
  })
  await until('docker pushes', async () => existsSync(join(folder, 'login.json')))
  hanging.kill('SIGINT')
  expect(await once(hanging, 'exit')).toEqual([130, null])
  login()
})

it('pushes with a login of AWS, and tags', async () => {
  const { exitCode, stdout, stderr } = await shopctl(['push', '--json'])
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
  const { images } = JSON.parse(stdout)
  expect(images).toMatchObject([{ name: 'order', sent: true }])
  expect(images[0].reference).toBe(`${host}/shops/shop/order@${images[0].digest}`)
  expect(JSON.parse(login().config)).toMatchObject({ auths: { [host]: { auth } } })
})

it('on another machine, the tag is believed and nothing is sent', async () => {
  const other = mkdtempSync(join(folder, 'other-'))
  const { stdout, stderr } = await shopctl(['push', '--json'], { HOME: other, STUB: other })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout).images).toMatchObject([{ name: 'order', sent: false }])
})

it('help does not load the AWS SDK', async () => {
  const trace = [
    '--import',
    `data:text/javascript,import{registerHooks}from'node:module';registerHooks({resolve(s,c,n){const r=n(s,c);if(r.url.includes('@aws-sdk'))process.stderr.write('LOADED');return r}})`,
  ]
  const args = [...trace, join(root, 'cli/src/main.ts'), '--help']
  const { stdout, stderr } = await shell.run({ program: process.execPath, args })
  expect(stdout).toContain('shopctl')
  expect(stderr).not.toContain('LOADED')
})
