// The config repo in memory keeps to what the real one does.
import { describe } from 'vitest'
import { createFakeConfigRepo } from './config-repo.ts'
import { configRepoContract } from './config-repo-contract.ts'

describe('in memory', () => {
  configRepoContract(async (files) => {
    const all = new Map(Object.entries(files))
    const repo = createFakeConfigRepo(all.size > 0 ? all : null)
    return {
      ...{ config: repo, other: repo },
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
