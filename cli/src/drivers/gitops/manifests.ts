// What Argo CD needs to know of an environment: a project with few rights, and one Application per slot and for all Services.
import { createHash } from 'node:crypto'
import { type Owner, ownerLabels, systemLabel } from '../../adapters/kubernetes/applications.ts'
import { isMap } from '../../release/canonical.ts'
import type { Manifest } from '../../release/ports/driver.ts'
import { colors, slotName } from '../../release/slot.ts'
import { releasedKinds } from './kinds.ts'
import { servicesFolder, slotFolder } from './layout.ts'

export interface ArgoOptions extends Owner {
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

export function slotApplication(owner: Owner, slot: string): string {
  return nameOf(owner, slot)
}

export function servicesApplication(owner: Owner): string {
  return nameOf(owner, 'services')
}

/** Of a label, which Argo CD may make of a name. */
const longest = 63
const hashLength = 10

/** With dots, which none of the parts has: `a-b` and `c` are not `a` and `b-c`. */
function nameOf({ system, env }: Owner, ...more: readonly string[]): string {
  const whole = [system, env, ...more].join('.')
  if (whole.length <= longest) return whole
  const hash = createHash('sha256').update(whole).digest('hex').slice(0, hashLength)
  const letters = [...whole].slice(0, longest - hashLength - 1)
  const last = letters.findLastIndex((letter) => letter !== '.' && letter !== '-')
  return `${letters.slice(0, last + 1).join('')}-${hash}`
}

export function manifestsOf(options: ArgoOptions): Manifest[] {
  const { env, services } = options
  return [
    projectOf(options),
    applicationOf(options, {
      name: servicesApplication(options),
      path: servicesFolder(env),
      release: `${options.system}-services`,
      retries: 5,
    }),
    ...services.flatMap((service) =>
      colors.map((color) => {
        const release = slotName(service, color)
        const name = slotApplication(options, release)
        const path = slotFolder(env, service, color)
        // Kubernetes retries the Job of a migration, and `deploy` retries the sync, so the first failure is final here.
        return applicationOf(options, { name, path, release, retries: 0 })
      }),
    ),
  ]
}

/** The system that wrote these manifests. null: they do not say. */
export function systemIn(manifests: readonly unknown[]): string | null {
  const systems = manifests.flatMap((each) => {
    const metadata = isMap(each) ? each.metadata : null
    const labels = isMap(metadata) ? metadata.labels : null
    const system = isMap(labels) ? labels[systemLabel] : null
    return typeof system === 'string' ? [system] : []
  })
  return systems[0] ?? null
}

function metadataOf(options: ArgoOptions, name: string) {
  return { name, namespace: options.argoNamespace, labels: ownerLabels(options) }
}

function projectOf(options: ArgoOptions): Manifest {
  const { system, env, namespace, url } = options
  return {
    apiVersion,
    kind: 'AppProject',
    metadata: metadataOf(options, nameOf(options)),
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
  {
    name,
    path,
    release,
    retries,
  }: { name: string; path: string; release: string; retries: number },
): Manifest {
  const { namespace, url, branch } = options
  return {
    apiVersion,
    kind: 'Application',
    metadata: metadataOf(options, name),
    spec: {
      project: nameOf(options),
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
        retry: { limit: retries, backoff: { duration: '2s', factor: 2, maxDuration: '1m' } },
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
