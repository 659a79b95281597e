// What Argo CD needs to know of an environment: a project with few rights, and one Application per slot and for all Services.
import { environmentLabel } from '../../adapters/kubernetes/applications.ts'
import type { Manifest } from '../../release/ports/driver.ts'
import { colors, slotName } from '../../release/slot.ts'
import { releasedKinds } from './kinds.ts'
import { servicesFolder, slotFolder } from './layout.ts'

export interface ArgoOptions {
  /** Name of the system. */
  system: string
  env: string
  services: readonly string[]
  /** Where the objects of the environment are. */
  namespace: string
  /** Where Argo CD is. */
  argoNamespace: string
  /** The config repo, as Argo CD reaches it. */
  url: string
  branch: string
}

const apiVersion = 'argoproj.io/v1alpha1'
const here = 'https://kubernetes.default.svc'

export function slotApplication(env: string, slot: string): string {
  return `${env}-${slot}`
}

export function servicesApplication(env: string): string {
  return `${env}-services`
}

export function manifestsOf(options: ArgoOptions): Manifest[] {
  const { env, services } = options
  return [
    projectOf(options),
    applicationOf(options, {
      name: servicesApplication(env),
      path: servicesFolder(env),
      release: `${options.system}-services`,
    }),
    ...services.flatMap((service) =>
      colors.map((color) => {
        const release = slotName(service, color)
        const name = slotApplication(env, release)
        return applicationOf(options, { name, path: slotFolder(env, service, color), release })
      }),
    ),
  ]
}

function projectName({ system, env }: ArgoOptions): string {
  return `${system}-${env}`
}

function metadataOf({ env, argoNamespace }: ArgoOptions, name: string) {
  return { name, namespace: argoNamespace, labels: { [environmentLabel]: env } }
}

function projectOf(options: ArgoOptions): Manifest {
  const { system, env, namespace, url } = options
  return {
    apiVersion,
    kind: 'AppProject',
    metadata: metadataOf(options, projectName(options)),
    spec: {
      description: `The slots and Services of ${system} in ${env}. Written by shopctl gitops init.`,
      sourceRepos: [url],
      destinations: [{ server: here, namespace }],
      clusterResourceWhitelist: [],
      namespaceResourceWhitelist: releasedKinds.flatMap(({ group, kinds }) =>
        kinds.map((kind) => ({ group, kind })),
      ),
    },
  }
}

function applicationOf(
  options: ArgoOptions,
  { name, path, release }: { name: string; path: string; release: string },
): Manifest {
  const { namespace, url, branch } = options
  return {
    apiVersion,
    kind: 'Application',
    metadata: metadataOf(options, name),
    spec: {
      project: projectName(options),
      source: { repoURL: url, targetRevision: branch, path, helm: { releaseName: release } },
      destination: { server: here, namespace },
      // Git has the history.
      revisionHistoryLimit: 1,
      syncPolicy: {
        // A slot that was cleaned up has no objects.
        automated: { enabled: true, prune: true, selfHeal: true, allowEmpty: true },
        syncOptions: [
          'RespectIgnoreDifferences=true',
          // All others would be written once more, which takes seconds.
          'ApplyOutOfSyncOnly=true',
          // A slot is gone when its Deployment is: its pods may take their time to end.
          'PrunePropagationPolicy=background',
        ],
        retry: { limit: 2, backoff: { duration: '5s', factor: 2, maxDuration: '1m' } },
      },
      // The number of pods is not in git: the autoscaler sets it, and shopctl, so that a slot that goes live has enough.
      ignoreDifferences: [
        { group: 'apps', kind: 'Deployment', jsonPointers: ['/spec/replicas'] },
        {
          group: 'autoscaling',
          kind: 'HorizontalPodAutoscaler',
          jsonPointers: ['/spec/minReplicas', '/spec/maxReplicas'],
        },
      ],
    },
  }
}
