// Prepares a config repo and Argo CD for an environment, and lists its commits.
import { isDenied, type KubernetesApi } from '../../adapters/kubernetes/api.ts'
import {
  type Application,
  type Applications,
  hasFailed,
} from '../../adapters/kubernetes/applications.ts'
import { isInterrupted, said } from '../../errors.ts'
import { oneLine } from '../../one-line.ts'
import type { ByHand, Commit, ConfigRepo, HandChange } from '../../release/ports/config-repo.ts'
import type { Manifest } from '../../release/ports/driver.ts'
import { colors } from '../../release/slot.ts'
import { changesByHand, type HandPorts, standingByHand } from './by-hand.ts'
import type { Commits } from './commits.ts'
import { expectedOf, mistakesIn } from './expected.ts'
import { argocdFile } from './layout.ts'
import { type ArgoOptions, manifestsOf } from './manifests.ts'
import { type Note, noteOf } from './messages.ts'
import { writeYaml } from './yaml.ts'

export interface Gitops {
  /** Makes folders without slots, the project and the Applications. Puts back what is not as it should be. */
  init(): Promise<Initialized>
  /** The last commits, newest first. */
  log(limit: number): Promise<Logged[]>
  /**
   * What people have changed, newest first: those among the latest `limit` of these changes and of `others`, which are
   * times.
   */
  changesByHand(limit: number, others: readonly string[]): Promise<HandChange[]>
  /** What stands now as a person has left it. */
  standingByHand(): Promise<ByHand[]>
  /** What Argo CD has not done, or cannot do. Does not ask git. */
  problems(): Promise<string[]>
}

/** A commit that changed something of the environment. */
export interface Logged extends Pick<Commit, 'commit' | 'author' | 'date'> {
  subject: string
  /** null: shopctl did not write it. */
  note: Note | null
}

export interface Initialized {
  commit: string
  /** The file with the project and the Applications in the config repo. */
  file: string
  /** false: this user may not write them. */
  applied: boolean
  applications: string[]
}

interface ToolsDeps extends ArgoOptions {
  api: KubernetesApi
  applications: Pick<Applications, 'list'>
  repo: Pick<ConfigRepo, 'create'> & HandPorts['repo']
  commits: Commits
}

export function createGitopsTools(deps: ToolsDeps): Gitops {
  return {
    async init() {
      const { api, commits, env, repo, services } = deps
      const manifests = manifestsOf(deps)
      const slots = services.flatMap((service) => colors.map((color) => ({ service, color })))
      const begun = { slots, argocd: documents(manifests) }
      await repo.create()
      const { commit } = await commits.write(
        () => ({ deed: { operation: 'init' }, release: null, begun }),
        { depends: [] },
      )
      const applied = await apply(api, manifests)
      const applications = manifests
        .filter(({ kind }) => kind === 'Application')
        .map(({ metadata }) => metadata.name)
      return { commit, file: argocdFile(env), applied, applications }
    },
    async problems() {
      try {
        const { applications, branch, env, services } = deps
        const found = await applications.list()
        const mistakes = mistakesIn(found, expectedOf(env, services), branch)
        const wrong = mistakes.map(
          ({ message }) => `${message} \`shopctl gitops init\` puts that right.`,
        )
        return [...wrong, ...found.flatMap(problemsOf)]
      } catch (error) {
        if (isInterrupted(error)) throw error
        return [`the Applications cannot be read: ${oneLine(said(error))}`]
      }
    },
    changesByHand: (limit, others) => changesByHand(deps, limit, others),
    standingByHand: () => standingByHand(deps),
    async log(limit) {
      const { env, repo } = deps
      const { commit: head } = await repo.fetch()
      const found = await repo.log(head, [env], limit)
      return found.map(({ message, ...rest }) => ({
        ...rest,
        subject: oneLine(message.split('\n', 1)[0] ?? ''),
        note: noteOf(message),
      }))
    },
  }
}

export function problemsOf({
  name,
  emergency,
  complaints,
  sync,
  operation,
}: Application): string[] {
  if (emergency !== null)
    return [
      `${name} does not sync: ${emergency} did without git. The next deploy or move ends that.`,
    ]
  if (complaints.length > 0) return complaints.map((each) => `${name}: ${oneLine(each)}`)
  if (sync !== 'Synced' && operation && hasFailed(operation))
    return [`${name}: ${oneLine(operation.message)}`]
  return sync === 'Synced' ? [] : [`${name} is ${sync}`]
}

function documents(manifests: readonly Manifest[]): string {
  return manifests.map((each) => writeYaml(each)).join('---\n')
}

async function apply(api: KubernetesApi, manifests: readonly Manifest[]): Promise<boolean> {
  try {
    for (const manifest of manifests) {
      const { apiVersion, kind, metadata } = manifest
      const plural = `${kind.toLowerCase()}s`
      const path = `/apis/${apiVersion}/namespaces/${metadata.namespace}/${plural}/${metadata.name}`
      await api.apply(path, manifest)
    }
    return true
  } catch (error) {
    if (isDenied(error)) return false
    throw error
  }
}
