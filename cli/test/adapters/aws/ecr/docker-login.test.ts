// The login that docker gets for one command, and that nothing of it stays.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { lendLogin } from '../../../../src/adapters/aws/ecr/docker-login.ts'
import { createDockerLogins } from '../../../../src/adapters/registry/docker-logins.ts'
import { createScratch } from '../../../../src/adapters/scratch.ts'
import { createShell } from '../../../../src/adapters/shell.ts'
import { aLimit, noMask } from '../../../fakes/host.ts'

const host = '123456789012.dkr.ecr.eu-central-1.amazonaws.com'
const login = { username: 'AWS', password: 'secret' }
const auth = Buffer.from('AWS:secret').toString('base64')
let own = ''

beforeEach(() => {
  own = mkdtempSync(join(tmpdir(), 'own-'))
  vi.stubEnv('TMPDIR', own)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(own, { recursive: true })
})
function leftovers(): string[] {
  return readdirSync(own).filter((name) => name.startsWith('shopctl-'))
}

it('is readable for the user alone, and has what docker keeps beside it', async () => {
  const settings = {
    ...{ currentContext: 'far', credsStore: 'desktop', credHelpers: { a: 'b' } },
    auths: { 'ghcr.io': { auth: 'x' } },
  }
  writeFileSync(join(own, 'config.json'), JSON.stringify(settings))
  mkdirSync(join(own, 'contexts'))
  writeFileSync(join(own, 'contexts/far'), 'context')
  let folder = ''
  await lendLogin(
    host,
    login,
    createScratch(),
    async ({ DOCKER_CONFIG = '' }) => {
      folder = DOCKER_CONFIG
      const file = join(folder, 'config.json')
      const logins = createDockerLogins(createShell(), {
        env: { DOCKER_CONFIG },
        limit: aLimit,
        mask: noMask,
      })
      expect(await logins(host)).toMatchObject(login)
      expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
        ...settings,
        auths: { 'ghcr.io': { auth: 'x' }, [host]: { auth } },
        credHelpers: { a: 'b', [host]: '' },
      })
      expect([file, folder].map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o700])
      expect(readFileSync(join(folder, 'contexts/far'), 'utf8')).toBe('context')
    },
    { DOCKER_CONFIG: own },
  )
  expect(existsSync(folder)).toBe(false)
  expect(existsSync(join(own, 'contexts/far'))).toBe(true)
})

it('has no folder of scratch beside it, where TMPDIR is the folder of docker', async () => {
  mkdirSync(join(own, 'contexts'))
  const lend = (use: () => Promise<unknown>) =>
    lendLogin(host, login, createScratch(), use, { DOCKER_CONFIG: own })
  await lend(() =>
    lend(async () => {
      for (const folder of leftovers())
        expect(readdirSync(join(own, folder)).sort()).toEqual(['config.json', 'contexts'])
      expect(leftovers()).toHaveLength(2)
    }),
  )
})

it('is deleted when docker fails', async () => {
  const failing = lendLogin(host, login, createScratch(), () =>
    Promise.reject(new Error('push failed')),
  )
  await expect(failing).rejects.toThrow('push failed')
  expect(leftovers()).toEqual([])
})

it('needs a temporary folder', async () => {
  vi.stubEnv('TMPDIR', join(own, 'none'))
  let ran = false
  const lending = lendLogin(host, login, createScratch(), async () => {
    ran = true
  })
  await expect(lending).rejects.toMatchObject({ code: 'no-temporary-folder', exitCode: 2 })
  expect(ran).toBe(false)
})

it('needs no configuration of the user, and a damaged one does no harm', async () => {
  writeFileSync(join(own, 'config.json'), '{')
  for (const DOCKER_CONFIG of [own, join(own, 'none')])
    expect(
      await lendLogin(host, login, createScratch(), async () => 'done', { DOCKER_CONFIG }),
    ).toBe('done')
})

it('is deleted by a process that exits at once', async () => {
  const source = new URL('../../../../src/adapters/', import.meta.url)
  const program = `import { lendLogin } from '${source.href}aws/ecr/docker-login.ts'
    import { createScratch } from '${source.href}scratch.ts'
    lendLogin('h', { username: 'u', password: 'p' }, createScratch(), ({ DOCKER_CONFIG }) => {
      console.log(DOCKER_CONFIG)
      setTimeout(() => process.exit(130), 50)
      return new Promise(() => {})
    }, { DOCKER_CONFIG: '${own}/none' })`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    env: { ...process.env, TMPDIR: own },
  })
  let folder = ''
  child.stdout.on('data', (data) => {
    folder += data
  })
  expect(await once(child, 'close')).toEqual([130, null])
  expect(folder).toContain(`${own}/shopctl-`)
  expect(leftovers()).toEqual([])
})
