// The gitops driver of an environment: its config repo, and Argo CD's Applications.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cloneFolder } from '../adapters/config-repo/clone.ts'
import { createConfigRepo } from '../adapters/config-repo/repo.ts'
import { createServerRevisions } from '../adapters/config-repo/revisions.ts'
import { createApplications } from '../adapters/kubernetes/applications.ts'
import type { KubernetesPorts } from '../adapters/kubernetes/ports.ts'
import type { Limit, Shell } from '../adapters/shell.ts'
import { type GitopsConfig, gitopsSchema } from '../config/gitops.ts'
import type { EnvironmentConfig } from '../config/schema.ts'
import { createCommits } from '../drivers/gitops/commits.ts'
import { createGitopsDriver } from '../drivers/gitops/driver.ts'
import { createGitopsTools, type Gitops } from '../drivers/gitops/gitops.ts'
import { installAsAllowed } from '../drivers/gitops/rights.ts'
import { refused } from '../errors.ts'
import type { GitRepository } from '../platform/gitops.ts'
import type { Revisions } from '../release/ports/config-repo.ts'
import type { Charts, Driver } from '../release/ports/driver.ts'
import type { Clock, Mask, Operator, Progress } from '../release/ports/session.ts'
import { cacheFolder } from './cache-folder.ts'

interface Options
  extends Pick<KubernetesPorts, 'api' | 'journal' | 'objects' | 'scaling' | 'observer'> {
  shell: Shell
  /** Name of the system. */
  system: string
  env: string
  environment: EnvironmentConfig
  services: readonly string[]
  /** Folder of shopctl.yaml. */
  root: string
  /** That of the embedded platform. null: none. */
  git: GitRepository | null
  /** SHOPCTL_GIT_TOKEN. */
  token: string | undefined
  charts: Charts
  helm: Driver
  limits: { git: Limit; sync: Limit }
  clock: Clock
  operator: Operator
  progress: Progress
  mask: Mask
  signal: AbortSignal
}

/** With its own clone of the config repo. */
export interface GitopsTools extends Gitops {
  revisions(): Revisions
}

export async function createGitops(
  options: Options,
): Promise<{ driver: Driver; tools: GitopsTools }> {
  const { api, shell, system, env, environment, operator, progress, limits } = options
  const own = environment.gitops ?? gitopsSchema.parse({})
  const { branch, namespace } = own
  const { url, clusterUrl, login } = await placeOf(own, options)
  const gitEnv = { ...process.env, SHOPCTL_GIT_TOKEN: options.token, ...login }
  const repo = createConfigRepo(shell, {
    url,
    branch,
    by: operator.by,
    limit: limits.git,
    cache: clones(),
    env: gitEnv,
  })
  const applications = createApplications(api, namespace, { system, env })
  const commits = createCommits(repo, env, { ...operator, progress })
  const deps = { ...options, repo, commits, applications, branch, limit: limits.sync }
  const install = installAsAllowed(options.helm, api, environment.namespace)
  const helm = { recorded: options.helm.recorded, install }
  const place = { namespace: environment.namespace, argoNamespace: namespace, url: clusterUrl }
  return {
    driver: createGitopsDriver({
      ...deps,
      helm,
      url: clusterUrl,
      argoNamespace: namespace,
      readText: (file) => readFile(file, 'utf8'),
    }),
    tools: {
      ...createGitopsTools({ ...deps, ...place }),
      revisions: () => serverRevisions(shell, { url, branch, limit: limits.git, env: gitEnv }),
    },
  }
}

function clones(): string {
  return join(cacheFolder(), 'config-repos')
}

/** With the clone that all commands share. */
export function serverRevisions(
  shell: Shell,
  options: { url: string; branch: string; limit: Limit; env: NodeJS.ProcessEnv },
): Revisions {
  return createServerRevisions(shell, { ...options, folder: cloneFolder(clones(), options) })
}

interface Place {
  /** From this machine, and from Argo CD. */
  url: string
  clusterUrl: string
  login: NodeJS.ProcessEnv
}

async function placeOf(
  { url, clusterUrl = url }: Pick<GitopsConfig, 'url' | 'clusterUrl'>,
  { api, git, env, mask }: Options,
): Promise<Place> {
  if (url !== undefined && clusterUrl !== undefined) return { url, clusterUrl, login: {} }
  if (!git)
    throw refused({
      code: 'no-config-repo',
      message: `${env} is released by Argo CD, which the embedded platform does not have.`,
      hint: 'Run `shopctl platform up --with gitops`, then this command again.',
    })
  const { namespace, name } = git.secret
  const path = `/api/v1/namespaces/${namespace}/secrets/${name}`
  const { data = {} } = (await api.get<{ data?: Record<string, string> }>(path)) ?? {}
  const textOf = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString()
  mask(textOf('password'))
  const login = {
    SHOPCTL_GIT_USER: textOf('username'),
    SHOPCTL_GIT_TOKEN: textOf('password'),
  }
  return { url: git.url, clusterUrl: git.clusterUrl, login }
}
