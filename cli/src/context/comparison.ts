// Compares commits of a config repo: those of a clone that somebody has checked out, or those of the server.
import { currentFolder } from '../adapters/config-file.ts'
import { cloneAt, createCloneRevisions } from '../adapters/config-repo/revisions.ts'
import type { Limit, Shell } from '../adapters/shell.ts'
import { gitopsSchema, noGitops, requireGitops } from '../config/gitops.ts'
import type { EnvironmentConfig } from '../config/schema.ts'
import { argocdFile, chartFile, servicesFolder } from '../drivers/gitops/layout.ts'
import { compare } from '../drivers/gitops/merge/compare.ts'
import type { Revisions } from '../release/ports/config-repo.ts'
import type { MergePlan } from '../release/ports/merge.ts'
import { type GitopsTools, serverRevisions } from './gitops.ts'

interface ComparisonOptions {
  shell: Shell
  env: string
  environment: EnvironmentConfig
  services: readonly string[]
  /** SHOPCTL_GIT_TOKEN. */
  token: string | undefined
  /** Of each git command. */
  limit: Limit
  /** Has the password of the embedded platform's repository. */
  cluster(): Promise<{ gitops: GitopsTools | null }>
}

/** Compares two commits, by their names. */
export type Comparison = (names: { from: string; to: string }) => Promise<MergePlan>

/** In a clone of the config repo, with what is checked out there. Elsewhere, with what the server has. */
export async function createComparison(options: ComparisonOptions): Promise<Comparison> {
  const { shell, env, environment, services, token, limit, cluster } = options
  if (environment.driver !== 'gitops') throw noGitops(env)
  const { branch, url } = environment.gitops ?? gitopsSchema.parse({})
  const gitEnv = { ...process.env, SHOPCTL_GIT_TOKEN: token }
  const here = await cloneAt(shell, currentFolder())
  const clone =
    here !== null &&
    createCloneRevisions(shell, { url: url ?? here.folder, branch, ...here, limit, env: gitEnv })
  if (clone && (await hasEnvironment(clone, env)))
    return (names) => compare(clone, { ...names, env, services })
  const server = url
    ? serverRevisions(shell, { url, branch, limit, env: gitEnv })
    : requireGitops(env, (await cluster()).gitops).revisions()
  return (names) => compare(server, { ...names, env, services })
}

/** Whether the commit that is checked out is one of a config repo. */
async function hasEnvironment(clone: Revisions, env: string): Promise<boolean> {
  const head = await clone.commitOf('HEAD', 'to').catch(() => null)
  if (head === null) return false
  const files = await clone.hashes(head, env)
  return files.has(argocdFile(env)) || files.has(chartFile(servicesFolder(env)))
}
