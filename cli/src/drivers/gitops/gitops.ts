// Prepares a config repo and Argo CD for an environment, and lists its commits.
import { isDenied, type KubernetesApi } from '../../adapters/kubernetes/api.ts'
import { refused, type ShopctlError } from '../../errors.ts'
import { oneLine } from '../../one-line.ts'
import type {
  Commit,
  ConfigRepo,
  GitopsProblem,
  HandChange,
  HandQuery,
  Log,
} from '../../release/ports/config-repo.ts'
import type { Manifest } from '../../release/ports/driver.ts'
import { colors } from '../../release/slot.ts'
import { changesByHand, type HandPorts } from './by-hand.ts'
import type { Commits } from './commits.ts'
import { emergencyIn, endsEmergency } from './expected.ts'
import { argocdFile } from './layout.ts'
import { type ArgoOptions, manifestsOf, systemIn } from './manifests.ts'
import { type Note, noteOf } from './messages.ts'
import {
  type GitopsStatus,
  type GitopsStatusPorts,
  gitopsProblems,
  gitopsStatus,
} from './status.ts'
import { documentsIn, writeYaml } from './yaml.ts'

export interface Gitops {
  /** Makes folders without slots, the project and the Applications. Puts back what is not as it should be. */
  init(): Promise<Initialized>
  log(limit: number): Promise<LoggedCommits>
  /** What people have changed, newest first. */
  changesByHand(query: HandQuery): Promise<HandChange[]>
  /** Says once what is wrong, also if git does not answer. */
  status(): Promise<GitopsStatus>
  /** The problems of `status`, with what each is about. */
  problems(): Promise<GitopsProblem[]>
}

/** A commit that changed something of the environment. */
interface Logged extends Pick<Commit, 'commit' | 'author' | 'date'> {
  subject: string
  /** null: shopctl did not write it. */
  note: Note | null
}

interface LoggedCommits extends Pick<Log, 'cutAt'> {
  /** Newest first. */
  commits: Logged[]
}

interface Initialized {
  commit: string
  /** The file with the project and the Applications in the config repo. */
  file: string
  /** false: this user may not write them. */
  applied: boolean
  applications: string[]
}

interface ToolsDeps extends GitopsStatusPorts {
  api: KubernetesApi
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
      await checkNoEmergency(deps)
      await repo.create()
      const { commit } = await commits.write(
        ({ tree }) => {
          checkOwner(deps, tree.texts.get(argocdFile(env)) ?? '')
          return { deed: { operation: 'init' }, release: null, begun }
        },
        { depends: [] },
      )
      const applied = await apply(api, manifests)
      const applications = manifests
        .filter(({ kind }) => kind === 'Application')
        .map(({ metadata }) => metadata.name)
      return { commit, file: argocdFile(env), applied, applications }
    },
    changesByHand: (query) => changesByHand(deps, query),
    status: () => gitopsStatus(deps),
    problems: async () => (await gitopsProblems(deps)).problems,
    async log(limit) {
      const { env, repo } = deps
      const { commit: head } = await repo.fetch()
      const { commits: found, cutAt } = await repo.log(head, [env], limit)
      const logged = found.map(({ message, ...rest }) => ({
        ...rest,
        subject: oneLine(message.split('\n', 1)[0] ?? ''),
        note: noteOf(message),
      }))
      return { commits: logged, cutAt }
    },
  }
}

/** The Applications that are written sync by themselves, and would move the Services to where git still has them. */
async function checkNoEmergency({ applications }: ToolsDeps): Promise<void> {
  const found = await applications.list().catch((error) => {
    // A user who may not see them may not write them.
    if (isDenied(error)) return []
    throw error
  })
  const release = emergencyIn(found)
  if (release === null) return
  throw refused({
    code: 'emergency',
    message: `${release} did without git, and Argo CD would undo that.`,
    hint: `${endsEmergency} Then run \`shopctl gitops init\` again.`,
  })
}

/** `text` is what the file of Argo CD's manifests says. One that somebody has broken says nothing. */
function checkOwner({ system, env }: ArgoOptions, text: string): void {
  const owner = systemIn(documentsIn(text))
  if (owner !== null && owner !== system) throw folderTaken(env, owner, system)
}

function folderTaken(env: string, owner: string, system: string): ShopctlError {
  return refused({
    code: 'folder-taken',
    message: `The folder ${env} of the config repo belongs to ${owner}, not to ${system}.`,
    hint: `Set another \`gitops.url\` or \`gitops.branch\` in shopctl.yaml, or delete ${argocdFile(env)} there if ${owner} no longer uses it.`,
  })
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
