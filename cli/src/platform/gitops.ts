// `platform up --with gitops`: Argo CD's controller and repo server, and a git repository for them to read.
import { join } from 'node:path'
import type { Shell } from '../adapters/shell.ts'
import { type AddedPart, createAddedRelease, namespaces } from './added-release.ts'
import { argocdDefinitions, argocdModule, gitServerModule, goModuleItems } from './go-program.ts'
import { type BaseImage, type ImageTools, makeLayeredImage } from './images.ts'
import { embeddedFolder, gitNodePort, type Layout } from './layout.ts'
import { clientsItem } from './npm.ts'
import { type Item, storedAt } from './store.ts'

const release = 'gitops'
const namespace = 'argocd'

/** Where the configuration of what is released is kept. */
export interface GitRepository {
  /** From this machine. */
  url: string
  /** From pods: what an Application names. */
  clusterUrl: string
  /** Has the keys `username` and `password`. */
  secret: { namespace: string; name: string }
}

export const gitRepository: GitRepository = {
  url: `http://127.0.0.1:${gitNodePort}/config.git`,
  clusterUrl: `http://git.${namespace}.svc/config.git`,
  secret: { namespace, name: 'git' },
}

/** What the programs of the part call. */
export const gitopsImage: BaseImage = {
  repository: 'shopctl/gitops-base',
  tag: '1',
  suite: 'trixie',
  packages: ['git', 'redis-server'],
  user: { name: 'argocd', id: 999, home: '/home/argocd', shell: '/usr/sbin/nologin' },
  options: [],
  changes: ['ENV PATH=/usr/local/bin:/usr/bin:/bin'],
}

export function gitopsItems(shell: Shell, layout: Layout): Promise<Item[]> {
  return goModuleItems(shell, layout, [argocdModule, gitServerModule])
}

/** Of an API group: `Deployment` and `deployments`. */
export interface ReleasedKinds {
  group: string
  kinds: readonly string[]
  resources: readonly string[]
}

const kinds = ['applications.argoproj.io', 'appprojects.argoproj.io']

export function createGitops(
  tools: ImageTools,
  /** What Argo CD may release. */
  releasedKinds: readonly ReleasedKinds[],
): AddedPart {
  const { shell, layout } = tools
  const added = createAddedRelease(tools, release, namespace)
  const { kubectl } = added

  /** Their finalizers wait for a controller that is gone. What they have released stays. */
  const freeObjects = async (): Promise<void> => {
    const known = await kubectl(['get', 'crd', ...kinds, '--ignore-not-found', '--output=name'])
    for (const kind of kinds.filter((each) => known.includes(each))) {
      const inNamespace = `--namespace=${namespace}`
      const names = await kubectl(['get', kind, inNamespace, '--output=name'])
      const patch = '--patch={"metadata":{"finalizers":null}}'
      for (const name of names.split('\n').filter(Boolean))
        await kubectl(['patch', name, inNamespace, '--type=merge', patch])
    }
    await kubectl(['delete', 'crd', ...kinds, '--ignore-not-found'])
  }

  return {
    installed: added.installed,

    async install(environments, items) {
      const folderOf = (name: string): string => {
        const item = items.find((each) => each.name === name)
        if (!item) throw new Error(`no item ${name}`)
        return storedAt(layout, item)
      }
      const image = await makeLayeredImage(tools, 'shopctl/gitops', gitopsImage, {
        argocd: folderOf('argocd'),
        'git-server': folderOf('git-server'),
        'helm/helm': storedAt(layout, clientsItem(shell, layout)),
      })
      const apply = ['apply', '--server-side', '--force-conflicts']
      const wanted = namespaces({ name: namespace, podSecurity: 'restricted' }, environments)
      await kubectl([...apply, '--filename=-'], wanted)
      const definitions = argocdDefinitions.map((file) => join(folderOf('argocd'), file))
      await kubectl([...apply, ...definitions.map((file) => `--filename=${file}`)])
      await added.upgrade(
        join(embeddedFolder(), 'gitops/chart'),
        `--set-string=image=docker.io/${image}`,
        `--set=git.nodePort=${gitNodePort}`,
        `--set-json=environments=${JSON.stringify(environments)}`,
        `--set-json=kinds=${JSON.stringify(releasedKinds)}`,
      )
    },

    remove: () => added.remove(freeObjects),
  }
}
