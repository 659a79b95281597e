// Finding shopctl.yaml, in a real folder. A file that is not what it should be is named, and nothing of it runs.
import { chmod, lchown, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findConfigFile } from '../../src/adapters/config-file.ts'
import { createShell } from '../../src/adapters/shell.ts'

const shell = createShell()
let root = ''
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'config-')))
  await mkdir(join(root, 'deep/er'), { recursive: true })
})
afterEach(() => rm(root, { recursive: true }))

const file = () => join(root, 'shopctl.yaml')
function find(from = root, user?: { uid: number; sudoUid?: number }, env = {}) {
  return findConfigFile(shell, { name: 'shopctl.yaml', from, env, ...(user && { user }) })
}

it('is found in the folder or above it', async () => {
  await writeFile(file(), 'name: shop\n')
  const found = { text: 'name: shop\n', root }
  expect(await find()).toEqual({ ...found, shown: 'shopctl.yaml' })
  expect(await find(join(root, 'deep/er'))).toEqual({ ...found, shown: '../../shopctl.yaml' })
})

const odd: [string, () => Promise<unknown>, RegExp][] = [
  ['a folder', () => mkdir(file()), /^shopctl.yaml is not a file/],
  ['a link to nothing', () => symlink('nothing', file()), /^shopctl.yaml is a link to nothing\.$/],
  [
    'a link to itself',
    () => symlink('shopctl.yaml', file()),
    /^shopctl.yaml is a link that leads back to itself\.$/,
  ],
  [
    'a link below a file',
    () => symlink('../shopctl.yaml/x', file()),
    /^shopctl.yaml is a link to nothing\.$/,
  ],
  [
    'a pipe',
    () => shell.check({ program: 'mkfifo', args: [file()] }),
    /^shopctl.yaml is not a file/,
  ],
  ['a device', () => symlink('/dev/zero', file()), /^shopctl.yaml is not a file/],
  ['huge', () => writeFile(file(), '#'.repeat(2 ** 21)), /^shopctl.yaml is larger than 1 MiB/],
  [
    'in another encoding',
    () => writeFile(file(), Buffer.from('\uFEFFname: shop\n', 'utf16le')),
    /^shopctl.yaml:1:1: expected UTF-8/,
  ],
  [
    'in Latin-1',
    () => writeFile(file(), Buffer.from('name: shop\n# caf\xe9\n', 'latin1')),
    /^shopctl.yaml:2:6: expected UTF-8/,
  ],
]
it.each(odd)('is refused when it is %s', async (_, make, message) => {
  const above = root
  await writeFile(file(), 'name: shop\n')
  root = join(above, 'deep')
  await make()
  const finding = find().finally(() => {
    root = above
  })
  await expect(finding).rejects.toMatchObject({
    code: 'bad-config',
    exitCode: 2,
    message: expect.stringMatching(message),
  })
})

describe('of another owner', () => {
  const me = process.getuid?.() ?? 0
  const other = me + 1
  beforeEach(() => writeFile(file(), 'name: shop\n'))
  const refusal = {
    code: 'foreign-config',
    exitCode: 2,
    message: expect.stringContaining('shopctl.yaml'),
    hint: expect.stringContaining('git config --global --add safe.directory '),
  }

  it('is refused, below its folder too', async () => {
    await expect(find(root, { uid: other })).rejects.toMatchObject(refusal)
    await expect(find(join(root, 'deep/er'), { uid: other })).rejects.toMatchObject({
      ...refusal,
      hint: expect.stringContaining(`safe.directory ${root}`),
    })
  })

  it('is refused for root as well, but not below sudo of the owner', async () => {
    await expect(find(root, { uid: 0, sudoUid: other })).resolves.toBeDefined()
    await expect(find(root, { uid: other, sudoUid: me })).rejects.toMatchObject(refusal)
    await chownAll(other)
    await expect(find(root, { uid: 0 })).rejects.toMatchObject(refusal)
    await expect(find(root, { uid: 0, sudoUid: other })).resolves.toBeDefined()
  })

  it.each([
    ['its folder', () => lchown(root, other, other)],
    ['the file', () => lchown(file(), other, other)],
    [
      'the file that it links to',
      async () => {
        await writeFile(join(root, 'theirs'), 'name: shop\n')
        await lchown(join(root, 'theirs'), other, other)
        await rm(file())
        await symlink('theirs', file())
      },
    ],
    [
      'the link to a file',
      async () => {
        await writeFile(join(root, 'mine'), 'name: shop\n')
        await rm(file())
        await symlink('mine', file())
        await lchown(file(), other, other)
      },
    ],
  ])('is refused when only %s is of another', async (_, make) => {
    await make()
    await expect(find(root, { uid: me })).rejects.toMatchObject(refusal)
    await lchown(root, me, me)
  })

  it.each([
    ['its folder', () => root],
    ['all', () => '*'],
    ['all below a folder', () => join(root, '..', '*')],
  ])('is right when git trusts %s', async (_, folder) => {
    const trusted = {
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: folder(),
    }
    await expect(find(root, { uid: other }, trusted)).resolves.toBeDefined()
  })

  it('is not trusted by its own repository', async () => {
    await shell.check({ program: 'git', args: ['init', '--quiet'], cwd: root })
    const args = ['config', 'safe.directory', '*']
    await shell.check({ program: 'git', args, cwd: root })
    await expect(find(root, { uid: other })).rejects.toMatchObject(refusal)
  })

  async function chownAll(uid: number): Promise<void> {
    for (const path of [root, file()]) await lchown(path, uid, uid)
  }
})

it('is refused when it cannot be read', async () => {
  await writeFile(file(), 'name: shop\n')
  await chmod(file(), 0)
  await chmod(root, 0o755)
  // Root may read everything.
  const script = `import { findConfigFile } from '${new URL('../../src/adapters/config-file.ts', import.meta.url)}'
await findConfigFile({}, { name: 'shopctl.yaml', from: '${root}', user: { uid: ${process.getuid?.()} } })
  .catch((error) => console.log(error.exitCode, error.message))`
  const args = ['--reuid', '65534', '--clear-groups', process.execPath, '--input-type=module']
  const { stdout } = await shell.run({ program: 'setpriv', args, input: script, cwd: '/' })
  expect(stdout).toMatch(/^2 .*shopctl.yaml cannot be read: EACCES/)
})
