// The Applications of Argo CD that belong to one environment of a system.
import type { V1ObjectMeta } from '@kubernetes/client-node'
import type { WaitOptions } from '../../release/ports/cluster.ts'
import { isConflict, type KubernetesApi } from './api.ts'
import { queryOf } from './objects.ts'
import { awaitObjects, type KubernetesObject } from './watch.ts'

/** The environment that Applications are of. Several systems may share one Argo CD. */
export interface Owner {
  /** `name` of shopctl.yaml. */
  system: string
  env: string
}

export const systemLabel = 'shopctl.dev/system'

/** They find the Applications of an environment. */
export function ownerLabels({ system, env }: Owner): Record<string, string> {
  return { [systemLabel]: system, 'shopctl.dev/environment': env }
}

/** The release that has turned off the syncs of an Application, since it could not write to git. */
const emergencyAnnotation = 'shopctl.dev/emergency'

/** One try to carry out what git says. */
export interface SyncOperation {
  /** `Pending`: it has not begun. */
  phase: 'Pending' | 'Running' | 'Terminating' | 'Succeeded' | 'Failed' | 'Error'
  message: string
  /** The commit. null: it is not known yet. */
  revision: string | null
  /** What went wrong with single objects, as `Deployment order-green: …`. */
  problems: string[]
}

export interface Application {
  name: string
  /** What it follows. */
  source: { url: string; branch: string; path: string }
  /** Whether Argo CD carries out by itself what git says, and undoes what others change. */
  automatic: { sync: boolean; selfHeal: boolean; prune: boolean }
  sync: 'Synced' | 'OutOfSync' | 'Unknown'
  /** The commit that the cluster was compared with last. null: none yet. */
  compared: string | null
  /** When the last comparison began that looked at the branch: ISO 8601, to the second. null: none yet. */
  comparedAt: string | null
  health: string
  /** The present one or the last one. null: there was none. */
  operation: SyncOperation | null
  /** Whether an operation runs, or is about to. */
  busy: boolean
  /** The release that does without git for now. null: none. */
  emergency: string | null
  /** What keeps Argo CD from comparing or syncing, in its own words. */
  complaints: string[]
}

export interface Applications {
  list(): Promise<Application[]>
  /** Calls `judge` at every change until it returns a value. null: it returned none within the time. */
  await<T>(
    judge: (found: readonly Application[]) => T | null,
    options: WaitOptions,
  ): Promise<T | null>
  /** Asks Argo CD to fetch the branch and to compare at once. */
  refresh(name: string): Promise<void>
  /** Ends the operation that runs, if one does. */
  terminate(name: string): Promise<void>
  /** Asks for an operation that carries out a commit, in place of one that has not begun. `dryRun`: it writes nothing. */
  sync(name: string, revision: string, options?: { dryRun: boolean }): Promise<void>
  /** Whether it syncs by itself. `emergency` notes the release that turned it off. */
  setAutomatic(name: string, on: boolean, emergency: string | null): Promise<void>
}

interface Stored extends KubernetesObject {
  metadata?: V1ObjectMeta
  spec?: {
    source?: { repoURL?: string; targetRevision?: string; path?: string }
    syncPolicy?: {
      syncOptions?: string[]
      automated?: { enabled?: boolean; selfHeal?: boolean; prune?: boolean }
    }
  }
  operation?: { sync?: { revision?: string } }
  status?: {
    sync?: { status?: Application['sync']; revision?: string }
    reconciledAt?: string
    health?: { status?: string }
    conditions?: { type?: string; message?: string }[]
    operationState?: {
      phase?: SyncOperation['phase']
      message?: string
      operation?: { sync?: { revision?: string } }
      syncResult?: { revision?: string; resources?: StoredResult[] }
    }
  }
}

interface StoredResult {
  kind?: string
  name?: string
  status?: string
  hookPhase?: string
  message?: string
}

/** Whether Argo CD has given up an operation. */
export function hasFailed(operation: SyncOperation | null): boolean {
  return operation?.phase === 'Failed' || operation?.phase === 'Error'
}

const failed = new Set(['SyncFailed', 'Failed', 'Error'])

export function applicationOf({ metadata, spec, operation, status }: Stored): Application {
  const { source, syncPolicy } = spec ?? {}
  const automated = syncPolicy?.automated
  const isOn = automated !== undefined && automated.enabled !== false
  const last = operationOf(status?.operationState)
  const isRunning = last?.phase === 'Running' || last?.phase === 'Terminating'
  return {
    name: metadata?.name ?? '',
    source: {
      url: source?.repoURL ?? '',
      branch: source?.targetRevision ?? '',
      path: source?.path ?? '',
    },
    automatic: {
      sync: isOn,
      selfHeal: isOn && automated.selfHeal === true,
      prune: isOn && automated.prune === true,
    },
    sync: status?.sync?.status ?? 'Unknown',
    compared: status?.sync?.revision || null,
    comparedAt: status?.reconciledAt ?? null,
    health: status?.health?.status ?? 'Unknown',
    operation: operation && !isRunning ? pendingOf(operation) : last,
    busy: operation !== undefined || isRunning,
    emergency: metadata?.annotations?.[emergencyAnnotation] ?? null,
    complaints: (status?.conditions ?? [])
      .filter(({ type }) => type?.endsWith('Error'))
      .map(({ message }) => message ?? ''),
  }
}

function pendingOf({ sync }: NonNullable<Stored['operation']>): SyncOperation {
  return { phase: 'Pending', message: '', revision: sync?.revision || null, problems: [] }
}

function operationOf(state: NonNullable<Stored['status']>['operationState']): SyncOperation | null {
  if (!state?.phase) return null
  const { phase, message = '', operation, syncResult } = state
  return {
    phase,
    message,
    revision: syncResult?.revision || operation?.sync?.revision || null,
    problems: (syncResult?.resources ?? [])
      .filter(({ status, hookPhase }) => failed.has(status ?? '') || failed.has(hookPhase ?? ''))
      .map(({ kind, name, message: why = '' }) => `${kind} ${name}: ${why}`),
  }
}

/** A patch leaves what it does not name: fields of an operation that is pending. */
const noSync = {
  resources: null,
  manifests: null,
  syncStrategy: null,
  source: null,
  sources: null,
  revisions: null,
  autoHealAttemptsCount: null,
}

/** How often Argo CD may change an Application between a look and a write. */
const tries = 3

/** `namespace` is that of Argo CD. */
export function createApplications(
  api: KubernetesApi,
  namespace: string,
  owner: Owner,
): Applications {
  const path = `/apis/argoproj.io/v1alpha1/namespaces/${namespace}/applications`
  const own = `${path}?${queryOf(ownerLabels(owner))}`
  return {
    list: async () => ((await api.get<{ items: Stored[] }>(own))?.items ?? []).map(applicationOf),
    await: (judge, options) =>
      awaitObjects(
        api,
        [own],
        ([found = []]) => judge((found as Stored[]).map(applicationOf)),
        options,
      ),
    async refresh(name) {
      await api.patch(`${path}/${name}`, {
        metadata: { annotations: { 'argocd.argoproj.io/refresh': 'normal' } },
      })
    },
    async terminate(name) {
      for (let left = tries; ; left--) {
        const found = await api.get<Stored>(`${path}/${name}`)
        if (!found?.operation || !found.status?.operationState) return
        try {
          // One that has ended meanwhile would seem to run for good.
          const { resourceVersion = '' } = found.metadata ?? {}
          const status = { operationState: { phase: 'Terminating' } }
          await api.patch(`${path}/${name}`, { metadata: { resourceVersion }, status })
          return
        } catch (error) {
          if (!isConflict(error) || left === 0) throw error
        }
      }
    },
    async sync(name, revision, options) {
      // Argo CD takes the options of the operation, not those of the Application.
      const { syncOptions = null } =
        (await api.get<Stored>(`${path}/${name}`))?.spec?.syncPolicy ?? {}
      const dryRun = options?.dryRun || null
      await api.patch(`${path}/${name}`, {
        operation: {
          initiatedBy: { username: 'shopctl', automated: null },
          retry: null,
          info: null,
          sync: { ...noSync, revision, prune: true, dryRun, syncOptions },
        },
      })
    },
    async setAutomatic(name, on, emergency) {
      await api.patch(`${path}/${name}`, {
        metadata: { annotations: { [emergencyAnnotation]: emergency } },
        spec: { syncPolicy: { automated: { enabled: on } } },
      })
    },
  }
}
