// What every config repo does, the one in memory and one on a real git server.
import { describe, expect, it } from 'vitest'
import type { Changes, ConfigRepo } from '../../src/release/ports/config-repo.ts'

export interface ConfigRepoUnderTest {
  config: ConfigRepo
  /** The same repository from another machine. */
  other: ConfigRepo
  /** Jane pushes these files. Returns her commit. */
  someone(files: Readonly<Record<string, string>>): Promise<string>
  /** Somebody forces the branch back to this commit. */
  force(commit: string): Promise<void>
  /** The commits on the server, newest first. */
  history(): Promise<string[]>
}

type Make = (files: Readonly<Record<string, string>>) => Promise<ConfigRepoUnderTest>

const files = {
  'README.md': 'Hello\n',
  'local/order/blue/Chart.yaml': 'b: ü\n',
  'local/order/blue/charts/c-0/Chart.yaml': 'no end',
  'local/order/blue/values.yaml': 'a: 1\n',
  'local/orders.yaml': 'x\n',
  'empty.yaml': '',
}

export function changesTo(
  write: Readonly<Record<string, string | Uint8Array>>,
  remove: readonly string[] = [],
): Changes {
  return { write: new Map(Object.entries(write)), remove }
}

export async function pushed(
  to: ConfigRepo,
  base: string,
  changes: Changes,
  message = 'deploy: x\n',
): Promise<string> {
  const result = await to.push(base, changes, message)
  if (result === 'moved') throw new Error('moved')
  return result.commit
}

/** `make` gives a repository with these files in its first commit, or an empty one if there are none. */
export function configRepoContract(make: Make): void {
  describe('what is read', () => readContract(make))
  describe('a push', () => pushContract(make))
  describe('the history', () => historyContract(make))
  describe('an empty one', () => emptyContract(make))
}

function readContract(make: Make): void {
  it('is the newest commit', async () => {
    const { config, someone } = await make(files)
    const { commit, rewritten } = await config.fetch()
    const theirs = await someone({ 'other.yaml': 'x' })
    expect(rewritten).toBe(false)
    expect(await config.fetch(commit)).toEqual({ commit: theirs, rewritten: false })
  })

  it('is kept, as the commit that this machine has seen last', async () => {
    const { config, someone, force } = await make(files)
    expect(await config.local()).toBeNull()
    const { commit: base } = await config.fetch()
    const theirs = await someone({ 'other.yaml': 'x' })
    expect(await config.local()).toBe(base)
    expect(await config.push(base, changesTo({ a: '1' }), 'x\n')).toBe('moved')
    expect(await config.local()).toBe(base)
    await config.keeps(base, theirs, ['local'])
    expect(await config.local()).toBe(theirs)
    const mine = await pushed(config, theirs, changesTo({ a: '1' }))
    expect(await config.local()).toBe(mine)
    await force(base)
    expect(await config.local()).toBe(mine)
    await config.fetch()
    expect(await config.local()).toBe(base)
  })

  it.each<[string, string[], string[]]>([
    ['nothing', [], []],
    ['what is not there', ['prod', 'local/order/blue/v'], []],
    [
      'a folder, and none whose name only begins so',
      ['local/order'],
      Object.keys(files).slice(1, 4),
    ],
    [
      'files and folders',
      ['local/order/blue/charts', 'empty.yaml'],
      ['empty.yaml', 'local/order/blue/charts/c-0/Chart.yaml'],
    ],
  ])('is listed, sorted: %s', async (_, paths, expected) => {
    const { config } = await make(files)
    const { commit } = await config.fetch()
    expect(await config.list(commit, paths)).toEqual(expected)
  })

  it('has hashes by path, which change with the content', async () => {
    const { config } = await make(files)
    const { commit } = await config.fetch()
    const before = await config.hashes(commit, 'local/order')
    expect([...before.keys()].sort()).toEqual(Object.keys(files).slice(1, 4))
    const values = 'local/order/blue/values.yaml'
    const head = await pushed(config, commit, changesTo({ [values]: 'a: 2\n' }))
    const after = await config.hashes(head, 'local/order')
    const changed = [...after.keys()].filter((path) => after.get(path) !== before.get(path))
    expect(changed).toEqual([values])
  })

  it('is text by path, of this commit, without what is missing', async () => {
    const { config, someone } = await make(files)
    const { commit } = await config.fetch()
    await someone({ 'README.md': 'Changed\n' })
    await config.fetch()
    const found = await config.read(commit, [...Object.keys(files), 'missing.yaml'])
    expect(Object.fromEntries(found)).toEqual(files)
  })

  it('is refused if it is not UTF-8', async () => {
    const { config } = await make(files)
    const { commit } = await config.fetch()
    const head = await pushed(config, commit, changesTo({ 'a.yaml': Buffer.from([0x61, 0xff]) }))
    await expect(config.read(head, ['a.yaml'])).rejects.toMatchObject({
      ...{ kind: 'refused', code: 'bad-config-repo' },
      message: expect.stringContaining('a.yaml is not UTF-8'),
    })
    expect((await config.read(head, ['README.md'])).size).toBe(1)
  })
}

function pushContract(make: Make): void {
  it('adds one commit: it removes first, then it writes', async () => {
    const { config, other, history } = await make(files)
    const { commit: base } = await config.fetch()
    const write = { 'local/order/blue/values.yaml': 'a: 2\n', 'new/ü "x".yaml': 'odd\n' }
    const remove = ['local/order', 'empty.yaml', 'missing']
    const head = await pushed(config, base, changesTo(write, remove))
    expect(await history()).toEqual([head, base])
    expect(await other.fetch(base)).toEqual({ commit: head, rewritten: false })
    const all = await other.list(head, ['README.md', 'local', 'new', 'empty.yaml'])
    expect(all).toEqual([
      'README.md',
      'local/order/blue/values.yaml',
      'local/orders.yaml',
      'new/ü "x".yaml',
    ])
    expect(Object.fromEntries(await other.read(head, Object.keys(write)))).toEqual(write)
  })

  it('makes a folder what it was, whatever is in its files', async () => {
    const { config, other } = await make(files)
    const { commit: base } = await config.fetch()
    const bytes = changesTo({ 'local/order/blue/charts/c-0/x.tgz': Buffer.from([0, 255, 10]) })
    const before = await pushed(config, base, bytes)
    const write = { 'local/order/blue/new.yaml': 'n\n', 'local/order/blue/values.yaml': 'a: 2\n' }
    await pushed(config, before, changesTo(write, ['local/order/blue/charts']))
    const { commit: now } = await other.fetch()
    const restore = [{ folder: 'local/order', from: before }]
    const head = await pushed(other, now, { ...changesTo({ 'local/orders.yaml': 'y\n' }), restore })
    await config.fetch()
    expect(await config.keeps(before, head, ['local/order'])).toBe(true)
    expect(await config.keeps(now, head, ['local/orders.yaml'])).toBe(false)
    expect(await config.list(head, ['local/order'])).toEqual([
      'local/order/blue/Chart.yaml',
      'local/order/blue/charts/c-0/Chart.yaml',
      'local/order/blue/charts/c-0/x.tgz',
      'local/order/blue/values.yaml',
    ])
  })

  it('changes nothing after a push of somebody else, and does once that is fetched', async () => {
    const { config, someone, history } = await make(files)
    const { commit: base } = await config.fetch()
    const theirs = await someone({ 'other.yaml': 'x' })
    expect(await config.push(base, changesTo({ a: '1' }), 'deploy: x\n')).toBe('moved')
    expect(await history()).toEqual([theirs, base])
    const { commit: now } = await config.fetch(base)
    const mine = await pushed(config, now, changesTo({ a: '1' }))
    expect(await history()).toEqual([mine, theirs, base])
    expect(await config.list(mine, ['a', 'other.yaml'])).toEqual(['a', 'other.yaml'])
  })

  it('is one of two from the same base', async () => {
    const { config, other, history } = await make(files)
    const { commit: base } = await config.fetch()
    await other.fetch()
    const results = await Promise.all(
      [config, other].map((each, index) =>
        each.push(base, changesTo({ [`f${index}`]: 'x' }), 'x\n'),
      ),
    )
    const won = results.flatMap((each) => (each === 'moved' ? [] : [each.commit]))
    expect(won).toHaveLength(1)
    expect(await history()).toEqual([...won, base])
  })
}

function historyContract(make: Make): void {
  it('lists commits newest first, of the given paths', async () => {
    const { config, someone } = await make(files)
    const { commit: first } = await config.fetch()
    const message = 'deploy: order blue 2\n\nShopctl-By: me@laptop\n'
    const second = await pushed(
      config,
      first,
      changesTo({ 'local/order/blue/values.yaml': 'a: 2\n' }),
      message,
    )
    const third = await someone({ 'local/orders.yaml': 'y\n' })
    const { commit: head } = await config.fetch()
    const fourth = await pushed(config, head, changesTo({}, ['local/order']))
    const of = async (paths: string[], limit = 9) =>
      (await config.log(fourth, paths, limit)).commits.map(({ commit }) => commit)
    expect(await of(['local'])).toEqual([fourth, third, second, first])
    expect(await of(['local/order/blue/values.yaml'])).toEqual([fourth, second, first])
    expect(await of(['local/order/blue/Chart.yaml'])).toEqual([fourth, first])
    expect(await of(['local'], 2)).toEqual([fourth, third])
    expect(await of(['missing'])).toEqual([])
    expect(await config.log(fourth, ['missing'], 9)).toEqual({ commits: [], cutAt: null })
    const [told] = (await config.log(second, ['local'], 1)).commits
    expect(told).toMatchObject({
      commit: second,
      message,
      author: expect.stringMatching(/^.+ <.+@.+>$/),
    })
    expect(Number.isNaN(Date.parse(told?.date ?? ''))).toBe(false)
  })

  it('keeps files as long as they are the same', async () => {
    const { config, someone } = await make(files)
    const { commit: first } = await config.fetch()
    const changed = await someone({ 'local/orders.yaml': 'y\n' })
    const back = await someone({ 'local/orders.yaml': 'x\n' })
    await config.fetch()
    const cases: [string, string, string[], boolean][] = [
      [first, first, ['local'], true],
      [first, changed, ['local/order'], true],
      [first, changed, ['local'], false],
      [first, changed, ['README.md', 'local/orders.yaml'], false],
      [first, back, ['local'], true],
      [first, changed, ['missing'], true],
      [changed, first, ['README.md'], false],
      [first, '1'.repeat(40), ['README.md'], false],
    ]
    for (const [ancestor, descendant, paths, expected] of cases)
      expect(await config.keeps(ancestor, descendant, paths)).toBe(expected)
  })

  it('knows a commit of somebody else that it has not fetched', async () => {
    const { config, someone } = await make(files)
    const { commit: first } = await config.fetch()
    expect(await config.keeps(first, await someone({ 'other.yaml': 'x' }), ['local'])).toBe(true)
  })

  it('is known to be rewritten, even when the same files are there again', async () => {
    const { config, other, someone, force } = await make(files)
    const { commit: base } = await config.fetch()
    const known = await pushed(config, base, changesTo({ a: '1' }))
    await force(base)
    const theirs = await someone({ a: '1' })
    expect(await config.fetch(known)).toEqual({ commit: theirs, rewritten: true })
    expect(await config.keeps(known, theirs, ['README.md'])).toBe(false)
    expect(await other.fetch(known)).toEqual({ commit: theirs, rewritten: true })
    expect(await other.fetch(theirs)).toEqual({ commit: theirs, rewritten: false })
    expect(await config.push(known, changesTo({ b: '1' }), 'x\n')).toBe('moved')
  })
}

function emptyContract(make: Make): void {
  it('is refused, until it gets its first commit, which stays its only one', async () => {
    const { config, other, history } = await make({})
    await expect(config.fetch()).rejects.toMatchObject({
      kind: 'refused',
      code: 'empty-config-repo',
    })
    await config.create()
    expect(await config.local()).toBeNull()
    const { commit } = await config.fetch()
    expect(await config.list(commit, ['README.md'])).toEqual(['README.md'])
    await config.create()
    await other.create()
    expect(await other.fetch()).toEqual({ commit, rewritten: false })
    const head = await pushed(config, commit, changesTo({ a: '1' }))
    expect(await history()).toEqual([head, commit])
  })

  it('gets one first commit from two at once', async () => {
    const { config, other, history } = await make({})
    await Promise.all([config.create(), other.create()])
    const [one, two] = await Promise.all([config.fetch(), other.fetch()])
    expect(await history()).toEqual([one.commit])
    expect(two).toEqual(one)
  })

  it('is no longer one after a push of somebody else', async () => {
    const { config, someone, history } = await make({})
    const theirs = await someone({ 'a.yaml': 'x' })
    await config.create()
    expect(await config.local()).toBe(theirs)
    expect(await history()).toEqual([theirs])
  })
}
