// Reads the slots, Services and records of a namespace, and writes the selectors that say what is live.
import type {
  V1ConfigMap,
  V1Deployment,
  V1DeploymentList,
  V1Service,
  V1ServiceList,
} from '@kubernetes/client-node'
import { failed } from '../../errors.ts'
import type { Slots, Store } from '../../release/ports.ts'
import {
  type EnvironmentState,
  noRecords,
  type Records,
  type ServiceState,
} from '../../release/state.ts'
import { isConflict, type KubernetesApi } from './api.ts'
import { labels, pointerOf, selectorOf, serviceName, slotName, slotOf } from './objects.ts'

const recordsName = 'shopctl-records'
const attempts = 5

/** `services` are the names that shopctl.yaml knows; everything else in the namespace is none of ours. */
export function createSlots(
  api: KubernetesApi,
  namespace: string,
  services: readonly string[],
): Slots & Store {
  const core = `/api/v1/namespaces/${namespace}`
  const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`
  const recordsPath = `${core}/configmaps/${recordsName}`
  const servicePath = (service: string, which: 'stable' | 'preview'): string =>
    `${core}/services/${serviceName(service, which)}`
  return {
    async read() {
      const [slots, found, records] = await Promise.all([
        api.get<V1DeploymentList>(
          `${deployments}?labelSelector=${encodeURIComponent(labels.color)}`,
        ),
        api.get<V1ServiceList>(`${core}/services`),
        api.get<V1ConfigMap>(recordsPath),
      ])
      const states = services.map(
        (name) => [name, stateOf(name, slots?.items ?? [], found?.items ?? [])] as const,
      )
      return {
        services: Object.fromEntries(states),
        records: parseRecords(records),
      } satisfies EnvironmentState
    },
    async pointer(service, which) {
      const found = await api.get<V1Service>(servicePath(service, which))
      return found && pointerOf(found)
    },
    async point(service, which, to, resourceVersion) {
      const written = await api.apply<V1Service>(servicePath(service, which), {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: serviceName(service, which), namespace, resourceVersion },
        // Without our selector the field is nobody's, and the Service leads nowhere again.
        ...(to && { spec: { selector: selectorOf(service, to) } }),
      })
      return written.metadata?.resourceVersion ?? ''
    },
    async deleteSlot(service, { color, revision }) {
      const path = `${deployments}/${slotName(service, color)}`
      const found = await api.get<V1Deployment>(path)
      if (!found) return
      if (found.metadata?.labels?.[labels.revision] !== revision) {
        throw failed({
          code: 'conflict',
          message: `${service} ${color} was deployed anew meanwhile.`,
          hint: 'See `shopctl status` and run the command again.',
        })
      }
      const { uid, resourceVersion } = found.metadata ?? {}
      await api.send('DELETE', path, {
        kind: 'DeleteOptions',
        apiVersion: 'v1',
        propagationPolicy: 'Background',
        preconditions: { uid, resourceVersion },
      })
    },
    async updateRecords(change) {
      for (let attempt = 1; ; attempt++) {
        const found = await api.get<V1ConfigMap>(recordsPath)
        const records = change(parseRecords(found))
        const object = {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { ...found?.metadata, name: recordsName, namespace },
          data: Object.fromEntries(
            Object.entries(records).map(([key, value]) => [key, JSON.stringify(value)]),
          ),
        }
        try {
          if (found) await api.send('PUT', recordsPath, object)
          else await api.send('POST', `${core}/configmaps`, object)
          return records
        } catch (error) {
          if (!isConflict(error) || attempt === attempts) throw error
        }
      }
    },
  }
}

function stateOf(
  name: string,
  deployments: readonly V1Deployment[],
  services: readonly V1Service[],
): ServiceState {
  const state: ServiceState = { slots: { blue: null, green: null }, stable: null, preview: null }
  for (const deployment of deployments) {
    const slot = deployment.metadata?.labels?.[labels.service] === name ? slotOf(deployment) : null
    if (slot) state.slots[slot.color] = slot
  }
  for (const which of ['stable', 'preview'] as const) {
    const service = services.find(({ metadata }) => metadata?.name === serviceName(name, which))
    state[which] = service ? pointerOf(service) : null
  }
  return state
}

/** One key per field, so that `kubectl get configmap` shows them apart. */
function parseRecords(found: V1ConfigMap | null): Records {
  const fields = Object.entries(found?.data ?? {}).map(([key, value]) => [
    key,
    JSON.parse(value) as unknown,
  ])
  return { ...noRecords, ...(Object.fromEntries(fields) as Partial<Records>) }
}
