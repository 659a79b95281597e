// Files of a config repo that people have edited, against git's own server over HTTP.
import { describe, expect, it } from 'vitest'
import { createCommits } from '../../src/drivers/gitops/commits.ts'
import { createScene, green } from '../drivers/gitops/scene.ts'
import { createFakeProgress, operator } from '../fakes/host.ts'
import { commit, git, gitScene } from './config-repo-scene.ts'

const server = gitScene()
const services = 'local/services/values.yaml'
const slot = 'local/order/blue/values.yaml'
const files = Object.fromEntries(
  [...createScene().repo.head().files].map(([path, content]) => [path, String(content)]),
)
const textOf = (path: string): string => files[path] ?? ''
const lineOf = (path: string, part: string): number =>
  textOf(path)
    .split('\n')
    .findIndex((line) => line.includes(part)) + 1

async function edited(changes: Readonly<Record<string, string>>) {
  const { url, bare } = await server.repository(files)
  await commit(bare, changes, 'By hand')
  const progress = createFakeProgress()
  /** Another command on the same machine. */
  const command = () => createCommits(server.repo(url), 'local', { ...operator, progress })
  const commits = command()
  const move = (by = commits) =>
    by.write(
      () => ({
        ...{ deed: { operation: 'switch' }, release: 'r-2' },
        moves: [{ service: 'order', which: 'stable', to: green, release: 'r-2' }],
      }),
      { depends: [] },
    )
  return { bare, command, commits, move, progress }
}

describe('what is nonsense has a place, and nothing is pushed', () => {
  it.each<[string, string, string, RegExp]>([
    ['no YAML', slot, 'a: 1\nb: [\n', /^local\/order\/blue\/values\.yaml:\d+:\d+: /],
    [
      'a color that is none',
      services,
      textOf(services).replace('color: blue', 'color: red'),
      new RegExp(`^${services}:${lineOf(services, 'color: blue')}:\\d+: .*expected blue or green`),
    ],
    [
      'a merge conflict',
      services,
      textOf(services).replace(
        /^( *color: blue)$/m,
        '<<<<<<< HEAD\n$1\n=======\n$1\n>>>>>>> theirs',
      ),
      new RegExp(`^${services}:${lineOf(services, 'color: blue')}:1: .*merge conflict`),
    ],
    [
      'a merge conflict in lines of Windows',
      slot,
      'a: 1\r\n<<<<<<< HEAD\r\nb: 1\r\n=======\r\nb: 2\r\n>>>>>>> theirs\r\n',
      /^local\/order\/blue\/values\.yaml:2:1: .*merge conflict/,
    ],
    ['nothing', slot, '', /^local\/order\/blue\/values\.yaml:1:1: .*missing/],
  ])('%s', async (_, path, text, message) => {
    const { bare, commits, move } = await edited({ [path]: text })
    const before = await git(bare, 'rev-parse', 'main')
    const problem = {
      ...{ kind: 'refused', code: 'bad-config-repo', message: expect.stringMatching(message) },
      hint: expect.stringContaining('git revert'),
    }
    await expect(commits.read()).rejects.toMatchObject(problem)
    await expect(move()).rejects.toMatchObject(problem)
    expect(await git(bare, 'rev-parse', 'main')).toBe(before)
  })
})

it('lines of Windows stay, and the diff is as small', async () => {
  const windows = textOf(services).replaceAll('\n', '\r\n')
  const { bare, move } = await edited({ [services]: windows })
  const { commit: head } = await move()
  const text = await git(bare, 'cat-file', 'blob', `${head}:${services}`)
  expect(text.replaceAll('\r\n', '')).not.toContain('\n')
  const numbers = await git(bare, 'diff', '--numstat', `${head}~1`, head)
  expect(numbers.trim()).toBe(`3\t3\t${services}`)
})

it('a branch that was forced back is named with both commits, and the next command goes on from it', async () => {
  const { bare, command, move, progress } = await edited({ 'prod/x.yaml': 'x' })
  const { commit: lost } = await move()
  const now = (await git(bare, 'rev-parse', `${lost}~2`)).trim()
  await git(bare, 'update-ref', 'refs/heads/main', now)
  const text = `${lost.slice(0, 12)}, which this machine has seen there, is not part of ${now.slice(0, 12)}`
  await expect(move()).rejects.toMatchObject({
    ...{ code: 'history-rewritten', message: expect.stringContaining(text) },
  })
  const { commit: head } = await move(command())
  // It was said.
  expect(progress.lines).toEqual([])
  expect((await git(bare, 'rev-parse', `${head}~1`)).trim()).toBe(now)
})
