// `shopctl plan --from --to` in a clone of the config repo, as a workflow has it, and without one.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Finished } from '../../src/adapters/shell.ts'
import { changesOf } from '../../src/drivers/gitops/changes.ts'
import { aSlot, charts, sharedChart, treeOf, unpack, vendored } from '../drivers/gitops/tree.ts'
import { configText } from '../fakes/config.ts'
import { applied } from '../fakes/config-repo.ts'
import { root } from '../workflows/files.ts'
import { git, gitScene, shell, token } from './config-repo-scene.ts'

const scene = gitScene()
const blue = { color: 'blue', revision: 'aaaaaaaaaa' } as const
const green = { color: 'green', revision: 'bbbbbbbbbb' } as const
const env = 'production'
const blueValues = `${env}/order/blue/values.yaml`
const greenValues = `${env}/order/green/values.yaml`

let shop = ''
let url = ''
let work = ''
let commits: Record<'main' | 'good' | 'bad' | 'old', string>

/** Blue is live, green is deployed. */
async function configFiles() {
  const chart = await vendored(join(charts, 'shop-slot'))
  const input = {
    slots: [blue, green].map(({ color, revision }) => aSlot('order', color, { revision, chart })),
    sharedChart,
    moves: [
      { service: 'order', which: 'stable' as const, to: blue, release: 'r-1' },
      { service: 'order', which: 'preview' as const, to: green, release: null },
    ],
  }
  return applied(new Map(), changesOf(treeOf(new Map(), env), input))
}

const shopYaml = (address: string): string =>
  configText
    .replace('  local:', `  ${env}:`)
    .replace(
      'cluster: embedded',
      `driver: gitops\n    gitops: { url: "${address}" }\n    cluster: { context: none, registry: registry.example.com/shop }`,
    )

beforeAll(async () => {
  shop = await mkdtemp(join(tmpdir(), 'shop-'))
  work = join(shop, 'config')
  const made = await scene.repository()
  url = made.url
  await writeFile(join(shop, 'shopctl.yaml'), shopYaml(url))
  await git(shop, 'clone', '--quiet', made.bare, 'config')
  await unpack(await configFiles(), work)
  const commit = async (message: string): Promise<string> => {
    await git(work, 'add', '--all')
    await git(work, 'commit', '--quiet', '--message', message)
    return (await git(work, 'rev-parse', 'HEAD')).trim()
  }
  const edit = async (file: string, from: string, to: string): Promise<void> => {
    const text = await git(work, 'show', `HEAD:${file}`)
    expect(text).toContain(from)
    await writeFile(join(work, file), `${text.replace(from, to)}\n`)
  }
  const main = await commit('Begin')
  await git(work, 'checkout', '--quiet', '-b', 'old', 'HEAD^')
  const old = (await git(work, 'rev-parse', 'HEAD')).trim()
  await git(work, 'checkout', '--quiet', '-b', 'good', main)
  await edit(greenValues, 'LEVEL: info', 'LEVEL: debug')
  const good = await commit('Log more on standby')
  await git(work, 'checkout', '--quiet', '-b', 'bad', main)
  await edit(blueValues, 'LEVEL: info', 'LEVEL: debug')
  const bad = await commit('Log more now')
  await git(work, 'tag', 'v1', main)
  await git(work, 'push', '--quiet', 'origin', 'HEAD:bad', 'good', `${main}:refs/heads/main`, 'v1')
  commits = { main, good, bad, old }
}, 60_000)
afterAll(() => rm(shop, { recursive: true }))

function plan(cwd: string, ...args: string[]): Promise<Finished> {
  const program = join(root, 'cli/bin/shopctl.js')
  return shell.run({
    ...{ program: process.execPath, args: [program, 'plan', '--env', env, ...args], cwd },
    env: { XDG_CACHE_HOME: scene.cache, SHOPCTL_GIT_TOKEN: token, KUBECONFIG: '/dev/null' },
  })
}

/** As actions/checkout makes it for a pull request: the merge commit and its parents. */
async function checkedOut(branch: string): Promise<string> {
  const folder = join(shop, `pull-${branch}`)
  const merge = `merge-${branch}`
  await git(work, 'checkout', '--quiet', '-B', merge, 'main')
  await git(work, 'reset', '--quiet', '--hard', commits.main)
  await git(work, 'merge', '--quiet', '--no-ff', '--message', 'Merge', branch)
  await mkdir(folder)
  await git(folder, 'init', '--quiet')
  await git(folder, 'fetch', '--quiet', '--depth=2', `file://${work}`, merge)
  await git(folder, 'checkout', '--quiet', '--detach', 'FETCH_HEAD')
  return folder
}

describe('in a shallow clone, as the check of a pull request', () => {
  it('shows what it changes, and asks no server', async () => {
    const folder = await checkedOut('good')
    scene.server.requests()
    const { exitCode, stdout, stderr } = await plan(
      folder,
      '--from',
      'HEAD^1',
      '--to',
      'HEAD',
      '--json',
    )
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({
      from: { name: 'HEAD^1', commit: commits.main },
      slots: [{ service: 'order', color: 'green', live: false, config: ['LEVEL'] }],
      ...{ moves: [], refusals: [], notes: [] },
    })
    expect(scene.server.requests()).toEqual([])
  })

  it('ends with 2 when it changes the live slot', async () => {
    const folder = await checkedOut('bad')
    const { exitCode, stderr } = await plan(folder, '--from', 'HEAD^1', '--to', 'HEAD')
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/ {2}production\/order\/blue\/values\.yaml:4:5: order blue is live/)
  })
})

describe('in a clone with all branches', () => {
  it('compares main as the server has it with what is checked out', async () => {
    await git(work, 'checkout', '--quiet', 'good')
    const { exitCode, stdout } = await plan(work, '--from', 'main', '--to', 'HEAD', '--json')
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ to: { name: 'HEAD', commit: commits.good } })
  })

  it('takes HEAD as what is checked out, also to compare with', async () => {
    await git(work, 'checkout', '--quiet', 'good')
    const { stdout } = await plan(work, '--from', 'HEAD^1', '--to', 'HEAD', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ from: { commit: commits.main }, notes: [] })
    const same = await plan(work, '--from', 'HEAD', '--to', 'HEAD', '--json')
    expect(JSON.parse(same.stdout)).toMatchObject({ from: { commit: commits.good }, notes: [] })
  })

  const notesOf = async (cwd = work): Promise<string[]> => {
    const { stdout, stderr } = await plan(cwd, '--from', 'main', '--to', 'HEAD', '--json')
    expect(stderr).toBe('')
    return JSON.parse(stdout).notes
  }

  it('notes files that are not committed, if they belong to the environment', async () => {
    await git(work, 'checkout', '--quiet', 'good')
    await writeFile(join(work, 'README.md'), 'Mine\n')
    expect(await notesOf(join(work, env))).toEqual([])
    const added = `${env}/order/green/new.yaml`
    await writeFile(join(work, greenValues), 'nonsense')
    await writeFile(join(work, added), 'a: 1\n')
    const note = `These files are not committed, so the plan is without them: ${added}, ${greenValues}.`
    expect(await notesOf()).toEqual([note])
    expect(await notesOf(join(work, env))).toEqual([note])
    await rm(join(work, added))
    await git(work, 'checkout', '--quiet', '--', '.')
  })

  it('notes a clone that is older than the server, or may be', async () => {
    await git(work, 'checkout', '--quiet', 'good')
    expect(await notesOf()).toEqual([])
    const bare = (await git(work, 'remote', 'get-url', 'origin')).trim()
    await git(bare, 'update-ref', 'refs/heads/main', commits.old)
    expect(await notesOf()).toEqual([
      'origin/main is not what the server has: run `git fetch`, then this command again.',
    ])
    await git(bare, 'update-ref', 'refs/heads/main', commits.main)
    await git(work, 'remote', 'set-url', 'origin', `${bare}-gone`)
    expect(await notesOf()).toEqual([
      'origin/main is as of the last fetch: the server did not answer.',
    ])
    await git(work, 'remote', 'set-url', 'origin', bare)
  })

  it.each([
    ['a name that is none', 'nothing', 'HEAD', /no branch, tag or commit nothing/],
    ['an option', '--output=x', 'HEAD', /no branch, tag or commit --output=x/],
    ['a branch that lacks main', 'main', 'old', /old does not contain main/],
  ])('refuses %s', async (_, from, to, message) => {
    const { exitCode, stderr } = await plan(work, `--from=${from}`, `--to=${to}`)
    expect(stderr).toMatch(message)
    expect(exitCode).toBe(2)
  })
})

describe('without a clone', () => {
  it.each([
    ['branches', 'main', 'good', 0],
    ['a tag', 'v1', 'bad', 2],
  ])('compares %s of the server', async (_, from, to, exitCode) => {
    const finished = await plan(shop, '--from', from, '--to', to, '--json')
    expect(finished.exitCode, finished.stderr).toBe(exitCode)
    expect(JSON.parse(finished.stdout)).toMatchObject({ from: { commit: commits.main } })
  })

  it('compares commits of the server', async () => {
    const { exitCode } = await plan(shop, '--from', commits.main, '--to', commits.good)
    expect(exitCode).toBe(0)
  })

  it.each([
    ['HEAD', /run the command in a clone of the config repo/],
    ['nothing', /no branch, tag or commit nothing/],
    ['f'.repeat(40), /no branch, tag or commit f{40}/],
    ['--upload-pack=x', /no branch, tag or commit --upload-pack=x/],
  ])('refuses %s', async (to, message) => {
    const { exitCode, stderr } = await plan(shop, '--from', 'main', `--to=${to}`)
    expect(stderr.replaceAll(/\s+/g, ' ')).toMatch(message)
    expect(exitCode).toBe(2)
  })

  it('refuses a repository without the environment', async () => {
    const other = await scene.repository()
    const folder = join(shop, 'other')
    await mkdir(folder)
    await writeFile(join(folder, 'shopctl.yaml'), shopYaml(other.url))
    const { exitCode, stderr } = await plan(folder, '--from', 'main', '--to', 'main')
    expect(stderr).toMatch(/no folder production in main/)
    expect(exitCode).toBe(2)
  })
})

it('a chart in its repository that somebody edits is found', async () => {
  await git(work, 'checkout', '--quiet', '-B', 'chart', commits.main)
  const tree = (await git(work, 'ls-files', `${env}/order/green/charts`)).trim().split('\n')
  const file = tree.find((path) => path.endsWith('templates/deployment.yaml')) ?? ''
  await writeFile(join(work, file), 'kind: Deployment\n')
  await git(work, 'commit', '--quiet', '--all', '--message', 'Change a chart')
  const { exitCode, stderr } = await plan(work, '--from', 'main', '--to', 'HEAD')
  expect(stderr).toContain(`  ${file}:1:1: the chart was changed by hand`)
  expect(exitCode).toBe(2)
})
