// What a work tree may hold besides plain files: hashed as git does, or refused by name.
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createGitSource } from '../../src/adapters/git.ts'
import { createShell } from '../../src/adapters/shell.ts'
import { hashInputs } from '../../src/release/build/inputs.ts'
import { aLimit } from '../fakes/host.ts'

const shell = createShell()
let root = ''
function run(program: string, ...args: string[]) {
  return shell.check({ program, args, cwd: root })
}
function git(...args: string[]) {
  return run('git', '-c', 'user.name=a', '-c', 'user.email=a@b', ...args)
}
const source = () => createGitSource(shell, root, aLimit)
async function hash(): Promise<Record<string, string>> {
  return Object.fromEntries(await hashInputs(source(), await source().files(['order'])))
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'odd-'))
  await git('init', '--quiet')
  await mkdir(join(root, 'order'))
  await writeFile(join(root, 'order/a.ts'), 'a')
  await git('add', '--all')
  await git('commit', '--quiet', '--message', 'first')
})
afterEach(() => rm(root, { recursive: true }))

describe('is hashed as git does', () => {
  it('a file that becomes executable', async () => {
    const before = await hash()
    await chmod(join(root, 'order/a.ts'), 0o755)
    const after = await hash()
    expect(Object.keys(after)).toEqual(['order/a.ts'])
    expect(after).not.toEqual(before)
    await chmod(join(root, 'order/a.ts'), 0o600)
    expect(await hash()).toEqual(before)
  })

  it('a link: by what it says, not by what it leads to', async () => {
    await symlink('nowhere', join(root, 'order/x'))
    const nowhere = await hash()
    expect(Object.keys(nowhere)).toEqual(['order/a.ts', 'order/x'])
    await rm(join(root, 'order/x'))
    await symlink('..', join(root, 'order/x'))
    expect((await hash())['order/x']).not.toBe(nowhere['order/x'])
    await rm(join(root, 'order/x'))
    await writeFile(join(root, 'order/x'), 'nowhere')
    expect((await hash())['order/x']).not.toBe(nowhere['order/x'])
  })

  it('pipes and sockets: not at all', async () => {
    const before = await hash()
    await run('mkfifo', join(root, 'order/pipe'))
    expect(await hash()).toEqual(before)
  })

  it.each(['with\nnewline', 'with "quotes"', 'with\ttab', 'ümläut', '*', ':(top)x', '-x', ' x '])(
    'a file named %j',
    async (name) => {
      await writeFile(join(root, 'order', name), 'odd')
      expect(Object.keys(await hash())).toEqual(['order/a.ts', `order/${name}`].sort())
      expect(await source().changed(['order'])).toEqual([`order/${name}`])
      expect(await source().files([`order/${name}`])).toEqual([`order/${name}`])
    },
  )

  it('another spelling of its name: not at all', async () => {
    expect(await source().files(['Order'])).toEqual([])
  })
})

describe('is refused, and named:', () => {
  const cases: [string, string, () => Promise<unknown>, RegExp?][] = [
    [
      'a submodule',
      'order/sub',
      async () => {
        await git('init', '--quiet', join(root, 'order/sub'))
        await git('-C', join(root, 'order/sub'), 'commit', '-q', '--allow-empty', '-m', 'first')
        await git('add', 'order/sub')
      },
      /submodule or another repository/,
    ],
    [
      'another repository',
      'order/nested/',
      async () => {
        await git('init', '--quiet', join(root, 'order/nested'))
        await writeFile(join(root, 'order/nested/x'), 'x')
      },
      /submodule or another repository/,
    ],
    [
      'a file that became a pipe',
      'order/a.ts',
      async () => {
        await rm(join(root, 'order/a.ts'))
        await run('mkfifo', join(root, 'order/a.ts'))
      },
      /no file/,
    ],
    [
      'a file that a sparse checkout left out',
      'order/a.ts',
      async () => {
        await git('update-index', '--skip-worktree', 'order/a.ts')
        await rm(join(root, 'order/a.ts'))
      },
      /sparse/,
    ],
    [
      'a name that is no UTF-8',
      'order/\uFFFD',
      () => run('bash', '-c', `touch $'order/\\xff'`),
      /its name is not UTF-8/,
    ],
  ]
  it.each(cases)('%s', async (_, name, make, why = /./) => {
    await make()
    const error = await hash().catch((error) => error)
    expect(error).toMatchObject({ code: 'bad-input', exitCode: 2 })
    expect(error.message).toContain(`${name} cannot be an input of an image`)
    expect(error.message).toMatch(why)
  })

  it.each([
    ['a file', 'order/a.ts'],
    ['a folder', 'order'],
  ])('%s that the user may not read', async (_, name) => {
    await shell.check({ program: 'chown', args: ['-R', '65534', root] })
    await chmod(join(root, name), 0)
    const url = (file: string) => new URL(`../../src/${file}`, import.meta.url)
    const script = `
import { createGitSource } from '${url('adapters/git.ts')}'
import { createShell } from '${url('adapters/shell.ts')}'
import { hashInputs } from '${url('release/build/inputs.ts')}'
const source = createGitSource(createShell(), '${root}')
await source.files(['order']).then((files) => hashInputs(source, files))
  .then(() => console.log('hashed'), (error) => console.log(error.exitCode, error.message))`
    const args = ['--reuid', '65534', '--clear-groups', process.execPath, '--input-type=module']
    const { stdout } = await shell.run({ program: 'setpriv', args, input: script, cwd: '/' })
    expect(stdout).toMatch(new RegExp(`^2 ${name}/? cannot be an input`))
  })
})

describe('where a path leads', () => {
  it.each([
    ['order', { is: 'folder', path: 'order' }],
    ['order/a.ts', { is: 'file', path: 'order/a.ts' }],
    ['inside', { is: 'folder', path: 'order' }],
    ['inside/a.ts', { is: 'file', path: 'order/a.ts' }],
    ['outside', { is: 'folder', path: null }],
    ['outside/etc/passwd', { is: 'file', path: null }],
    ['nowhere', null],
    ['missing', null],
    ['order/a.ts/x', null],
    ['.', { is: 'folder', path: '.' }],
  ])('%s', async (path, expected) => {
    await symlink('order', join(root, 'inside'))
    await symlink('/', join(root, 'outside'))
    await symlink('gone', join(root, 'nowhere'))
    expect(await source().follow(path)).toEqual(expected)
  })

  it('a link that leads out is not read', async () => {
    await symlink('/etc/passwd', join(root, 'order/values.yaml'))
    await symlink('a.ts', join(root, 'order/link.yaml'))
    await expect(source().read('order/values.yaml')).rejects.toMatchObject({ exitCode: 2 })
    expect(String(await source().read('order/link.yaml'))).toBe('a')
  })
})

it('a repository of another user is git’s refusal, with git’s way on', async () => {
  await shell.check({ program: 'chown', args: ['-R', '65534', root] })
  await expect(source().commit()).rejects.toMatchObject({
    code: 'no-git',
    exitCode: 2,
    hint: expect.stringContaining(`git config --global --add safe.directory`),
  })
})
