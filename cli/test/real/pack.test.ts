// What `npm pack` makes runs where nothing of this repo is.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createShell } from '../../src/adapters/shell.ts'
import { root } from './shop.ts'

const shell = createShell()
let elsewhere: string
beforeAll(async () => {
  elsewhere = await mkdtemp(join(tmpdir(), 'packed-'))
  await shell.check({
    program: 'npm',
    args: ['pack', '--silent', '--pack-destination', elsewhere],
    cwd: join(root, 'cli'),
  })
  await shell.check({
    program: 'sh',
    args: ['-c', 'npm install --silent --prefix . ./*.tgz'],
    cwd: elsewhere,
  })
}, 120_000)
afterAll(() => rm(elsewhere, { recursive: true, force: true }))

function packed(...args: string[]) {
  return shell.run({
    program: process.execPath,
    args: [join(elsewhere, 'node_modules/.bin/shopctl'), ...args],
    cwd: elsewhere,
  })
}

test('shopctl --help', async () => {
  const { exitCode, stdout } = await packed('--help')
  expect(stdout).toContain('rollback')
  expect(exitCode).toBe(0)
})

test('shopctl platform status --json', async () => {
  const { exitCode, stdout } = await packed('platform', 'status', '--json')
  expect(JSON.parse(stdout)).toMatchObject({
    version: 1,
    running: true,
    edgeUrl: 'http://127.0.0.1:30080',
  })
  expect(exitCode).toBe(0)
})

test('without a shopctl.yaml: says where it looked', async () => {
  const { exitCode, stderr } = await packed('status')
  expect(stderr).toContain('shopctl.yaml')
  expect(exitCode).toBe(2)
})
