// The config repo in memory keeps to what the real one does.
import { describe, expect, it } from 'vitest'
import { createFakeConfigRepo } from './config-repo.ts'
import { changesTo, configRepoContract } from './config-repo-contract.ts'

describe('in memory', () => {
  configRepoContract(async (files) => {
    const all = new Map(Object.entries(files))
    const repo = createFakeConfigRepo(all.size > 0 ? all : null)
    return {
      config: repo,
      other: repo,
      someone: async (written) => repo.someone(written),
      force: async (commit) => repo.force(commit),
      history: async () =>
        repo
          .history()
          .map(({ commit }) => commit)
          .reverse(),
    }
  })
})

describe('what tests make happen to it', () => {
  it('others push just before a push, once: it is moved, and then no more', async () => {
    const repo = createFakeConfigRepo()
    const { commit: base } = await repo.fetch()
    repo.beforePush.push(() => repo.someone({ 'theirs.yaml': 'x' }))
    expect(await repo.push(base, changesTo({ 'mine.yaml': 'y' }), 'x\n')).toBe('moved')
    const { commit: theirs } = await repo.fetch()
    expect(await repo.push(theirs, changesTo({ 'mine.yaml': 'y' }), 'x\n')).not.toBe('moved')
    expect([...repo.head().files.keys()]).toEqual(['theirs.yaml', 'mine.yaml'])
  })

  it('a push or a fetch fails while it has a fault, and leaves the branch as it is', async () => {
    const repo = createFakeConfigRepo()
    const { commit: base } = await repo.fetch()
    repo.faults.push = new Error('protected')
    repo.faults.fetch = new Error('away')
    await expect(repo.push(base, changesTo({ a: '1' }), 'x\n')).rejects.toThrow('protected')
    await expect(repo.fetch()).rejects.toThrow('away')
    expect(repo.head().commit).toBe(base)
  })
})
