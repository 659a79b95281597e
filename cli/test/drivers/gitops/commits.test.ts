// A commit that begins with what this machine has seen last.
import { beforeEach, describe, expect, it } from 'vitest'
import {
  type Change,
  type Commits,
  createCommits,
  type Snapshot,
} from '../../../src/drivers/gitops/commits.ts'
import { servicesFolder, valuesFile } from '../../../src/drivers/gitops/layout.ts'
import { refused } from '../../../src/errors.ts'
import { createFakeConfigRepo, type FakeConfigRepo } from '../../fakes/config-repo.ts'
import { createFakeProgress, operator } from '../../fakes/host.ts'
import { createScene, green } from './scene.ts'

const file = valuesFile(servicesFolder('local'))
let repo: FakeConfigRepo
let fetches: number
let reads: number

beforeEach(async () => {
  repo = createFakeConfigRepo(createScene().repo.head().files)
  await repo.fetch()
  fetches = 0
  reads = 0
})

/** Moves order to green. Returns the commits that it saw, by what they said of order. */
async function write(check: (snapshot: Snapshot) => void = () => {}, after = Promise.resolve()) {
  return writing(commits(), check, after)
}

function commits(): Commits {
  const counted: FakeConfigRepo = {
    ...repo,
    fetch(known) {
      fetches += 1
      return repo.fetch(known)
    },
    read(...of) {
      reads += 1
      return repo.read(...of)
    },
  }
  const surroundings = { ...operator, progress: createFakeProgress() }
  return createCommits(counted, 'local', surroundings)
}

async function writing(
  to: Commits,
  check: (snapshot: Snapshot) => void = () => {},
  after = Promise.resolve(),
) {
  const seen: string[] = []
  const change = (snapshot: Snapshot): Change => {
    const order = snapshot.state.services.order
    seen.push(`${snapshot.commit} ${order?.stable?.release}`)
    check(snapshot)
    const move = { service: 'order', which: 'stable' as const, to: green, release: 'r-2' }
    return { deed: { operation: 'switch' }, release: 'r-2', moves: [move] }
  }
  const options = { depends: [servicesFolder('local')], after }
  const taken = await to.write(change, options)
  return { taken, seen }
}

const parents = () => repo.history().map(({ message }) => message.split('\n', 1)[0])
const edited = (from: string, to: string) =>
  String(repo.head().files.get(file)).replaceAll(from, to)

describe('the commit that was seen last', () => {
  it('is pushed to without a look at the server', async () => {
    const base = repo.head().commit
    const { taken, seen } = await write()
    expect([taken.commit, seen, fetches]).toEqual([repo.head().commit, [`${base} r-1`], 0])
    expect(repo.head().parent).toBe(base)
  })

  it('is pushed to after what is waited for, and then at once', async () => {
    let go = (): void => {}
    const base = repo.head().commit
    const after = new Promise<void>((resolve) => {
      go = resolve
    })
    let begun = 0
    const writing = write(() => void begun++, after)
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect([begun, repo.head().commit]).toEqual([1, base])
    go()
    await writing
    expect([begun, repo.head().parent]).toEqual([1, base])
  })

  it('is not pushed to if what is waited for fails', async () => {
    const base = repo.head().commit
    const late = Promise.reject(new Error('late'))
    await expect(write(undefined, late)).rejects.toThrow('late')
    expect([repo.head().commit, fetches]).toEqual([base, 0])
  })

  it('is not there the first time', async () => {
    repo = createFakeConfigRepo(repo.head().files)
    expect((await write()).seen).toEqual([`${repo.head().parent} r-1`])
    expect(fetches).toBe(1)
  })

  it('gives way to what others have pushed since', async () => {
    const old = repo.head().commit
    const theirs = repo.someone({ 'prod/x.yaml': 'x' })
    const { seen } = await write()
    expect(seen).toEqual([`${old} r-1`, `${theirs} r-1`])
    expect([repo.head().parent, fetches]).toEqual([theirs, 1])
    expect(repo.head().files.get('prod/x.yaml')).toBe('x')
  })

  it('gives way to others that push twice a second', async () => {
    for (let count = 0; count < 25; count++)
      repo.beforePush.push(() => repo.someone({ 'prod/x.yaml': String(count) }))
    await write()
    expect(String(repo.head().files.get(file))).toContain('r-2')
  })

  it('gives way to a change of the same file, which the caller is asked about', async () => {
    const theirs = repo.someone({ [file]: edited('r-1', 'r-7') })
    const { seen } = await write()
    expect(seen.at(-1)).toBe(`${theirs} r-7`)
    expect(String(repo.head().files.get(file))).toContain('r-7')
    const before = repo.someone({ [file]: edited('r-2', 'r-9') })
    const refusing = write(({ state }) => {
      if (state.services.order?.stable?.release === 'r-9')
        throw refused({ code: 'x', message: 'r-9' })
    })
    await expect(refusing).rejects.toThrow('r-9')
    expect(repo.head().commit).toBe(before)
  })

  it('may be wrong where the newest one is right', async () => {
    const right = String(repo.head().files.get(file))
    repo.someone({ [file]: 'global: [\n' })
    await repo.fetch()
    const theirs = repo.someone({ [file]: right })
    expect((await write()).seen).toEqual([`${theirs} r-1`])
    expect(repo.head().parent).toBe(theirs)
  })

  it('does not say that nothing is to do', async () => {
    const before = String(repo.head().files.get(file))
    await write()
    repo.someone({ [file]: before })
    const { taken } = await write()
    expect(taken.commit).toBe(repo.head().commit)
    expect(parents().slice(-3)).toEqual(['switch', 'By hand', 'switch'])
  })

  it('is no commit that was forced away', async () => {
    const first = repo.head().commit
    await write()
    repo.force(first)
    await write()
    expect(repo.head().parent).toBe(first)
  })
})

describe('what was read ahead', () => {
  const { signal } = new AbortController()

  it('is not read again', async () => {
    const base = repo.head().commit
    const to = commits()
    to.prepare(signal)
    await writing(to)
    expect([repo.head().parent, reads, fetches]).toEqual([base, 1, 0])
  })

  it('gives way to what others have pushed since', async () => {
    const to = commits()
    to.prepare(signal)
    const theirs = repo.someone({ 'prod/x.yaml': 'x' })
    await writing(to)
    expect([repo.head().parent, fetches]).toEqual([theirs, 1])
  })

  it('is not used after a commit or a look of this command', async () => {
    const to = commits()
    to.prepare(signal)
    const before = String(repo.head().files.get(file))
    await writing(to)
    const theirs = repo.someone({ [file]: before })
    to.prepare(signal)
    await to.read()
    const { seen } = await writing(to)
    expect([seen, repo.head().parent]).toEqual([[`${theirs} r-1`], theirs])
  })

  it('may fail', async () => {
    const to = commits()
    const read = repo.read
    repo.read = () => Promise.reject(new Error('no'))
    to.prepare(signal)
    await new Promise((resolve) => setTimeout(resolve, 10))
    repo.read = read
    await writing(to)
    expect([parents().at(-1), fetches]).toEqual(['switch', 1])
  })
})
