// Reads the slots and Services of a namespace.
import type {
  V1Deployment,
  V1DeploymentList,
  V1Role,
  V1Service,
  V1ServiceList,
  V2HorizontalPodAutoscaler,
} from '@kubernetes/client-node'
import type { Observer } from '../../release/ports/cluster.ts'
import { slotName } from '../../release/slot.ts'
import type { OtherService, ServiceState, UnlistedSlot } from '../../release/state.ts'
import type { KubernetesApi } from './api.ts'
import { labels, pointerOf, serviceName, slotOf } from './objects.ts'
import { listAutoscalers } from './scaling.ts'

/** `services` are the names in shopctl.yaml. */
export function createObserver(
  api: KubernetesApi,
  namespace: string,
  services: readonly string[],
): Observer {
  const core = `/api/v1/namespaces/${namespace}`
  const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`
  const roles = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles`
  return {
    async services() {
      const [slots, found, autoscalers] = await Promise.all([
        api.get<V1DeploymentList>(deployments),
        api.get<V1ServiceList>(`${core}/services`),
        listAutoscalers(api, namespace),
      ])
      const states = services.map(
        (name) =>
          [name, stateOf(name, slots?.items ?? [], autoscalers, found?.items ?? [])] as const,
      )
      return {
        services: Object.fromEntries(states),
        others: othersOf(services, found?.items ?? []),
        unlisted: unlistedOf(services, slots?.items ?? []),
      }
    },
    async pointer(service, which) {
      const found = await api.get<V1Service>(`${core}/services/${serviceName(service, which)}`)
      return found && pointerOf(found)
    },
    async podTemplate(service, color) {
      const found = await api.get<V1Deployment>(`${deployments}/${slotName(service, color)}`)
      const { metadata, spec } = found?.spec?.template ?? {}
      if (!spec) return null
      const ports = spec.containers.flatMap((container) => container.ports ?? [])
      return {
        ports: ports.map(({ name = null, containerPort }) => ({ name, number: containerPort })),
        serviceAccount: spec.serviceAccountName ?? null,
        labels: metadata?.labels ?? {},
      }
    },
    async accessRules(service) {
      return (await api.get<V1Role>(`${roles}/${service}`))?.rules ?? null
    },
  }
}

function stateOf(
  name: string,
  deployments: readonly V1Deployment[],
  autoscalers: readonly V2HorizontalPodAutoscaler[],
  services: readonly V1Service[],
): ServiceState {
  const state: ServiceState = { slots: { blue: null, green: null }, stable: null, preview: null }
  for (const deployment of deployments) {
    const owner = deployment.spec?.template.metadata?.labels?.[labels.service]
    const slot = owner === name ? slotOf(deployment, autoscalers) : null
    if (slot && deployment.metadata?.name === slotName(name, slot.color))
      state.slots[slot.color] = slot
  }
  for (const which of ['stable', 'preview'] as const) {
    const service = services.find(({ metadata }) => metadata?.name === serviceName(name, which))
    state[which] = service ? pointerOf(service) : null
  }
  return state
}

function unlistedOf(
  names: readonly string[],
  deployments: readonly V1Deployment[],
): UnlistedSlot[] {
  return deployments.flatMap((deployment) => {
    const service = deployment.spec?.template.metadata?.labels?.[labels.service] ?? ''
    const slot = slotOf(deployment)
    const isSlot = slot && deployment.metadata?.name === slotName(service, slot.color)
    if (!isSlot || names.includes(service)) return []
    return [{ service, color: slot.color, version: slot.version }]
  })
}

function othersOf(names: readonly string[], services: readonly V1Service[]): OtherService[] {
  const ours = new Set(names.flatMap((name) => [name, serviceName(name, 'preview')]))
  return services.flatMap(({ metadata, spec }) => {
    const name = metadata?.name ?? ''
    return ours.has(name) ? [] : [{ name, selector: spec?.selector ?? {} }]
  })
}
