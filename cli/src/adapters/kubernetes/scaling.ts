// Changes the number of pods of a slot, and of its HorizontalPodAutoscaler.
import type {
  V1Deployment,
  V2HorizontalPodAutoscaler,
  V2HorizontalPodAutoscalerList,
} from '@kubernetes/client-node'
import type { SlotScale, SlotWrite } from '../../release/ports/driver.ts'
import { type Color, slotName } from '../../release/slot.ts'
import { isDenied, type KubernetesApi } from './api.ts'
import { lacksReplicas } from './complaints.ts'
import { autoscalerOf, labels } from './objects.ts'

export interface Scaling {
  /**
   * Notes what the values and the chart say, and raises it. Retries pods that could not be created. Call it after each
   * write of the chart.
   */
  afterWrite(write: Pick<SlotWrite, 'service' | 'color' | 'atLeast' | 'declared'>): Promise<void>
  scale(scale: SlotScale): Promise<void>
  /** Sets the numbers of a rendered chart, where whatever applies the chart leaves them alone. */
  reset(service: string, color: Color, rendered: RenderedNumbers, atLeast: number): Promise<void>
}

export interface RenderedNumbers {
  replicas: number
  /** null: the slot has no autoscaler. */
  autoscaler: { min: number; max: number } | null
}

/** Without the right to list them, their minimum stays as their charts say. */
export async function listAutoscalers(
  api: KubernetesApi,
  namespace: string,
): Promise<V2HorizontalPodAutoscaler[]> {
  const path = `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers`
  try {
    return (await api.get<V2HorizontalPodAutoscalerList>(path))?.items ?? []
  } catch (error) {
    if (isDenied(error)) return []
    throw error
  }
}

export function createScaling(api: KubernetesApi, namespace: string): Scaling {
  const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`
  const autoscalers = `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers`

  const autoscaler = async (slot: string): Promise<V2HorizontalPodAutoscaler | null> =>
    autoscalerOf(await listAutoscalers(api, namespace), slot)

  /** `declared` is the least as the chart or the values say. null: as noted before, or else as it is. */
  const setLeast = async (
    { metadata, spec }: V2HorizontalPodAutoscaler,
    min: number,
    declared: number | null,
  ): Promise<void> => {
    const noted = metadata?.annotations?.[labels.minReplicas]
    const maxReplicas = Math.max(spec?.maxReplicas ?? min, min)
    await api.patch(`${autoscalers}/${metadata?.name}`, {
      ...annotated(labels.minReplicas, declared ?? Number(noted ?? spec?.minReplicas ?? 1)),
      spec: { minReplicas: min, maxReplicas },
    })
  }

  return {
    async afterWrite({ service, color, atLeast, declared }) {
      const name = slotName(service, color)
      const [deployment, found] = await Promise.all([
        api.get<V1Deployment>(`${deployments}/${name}`),
        autoscaler(name),
      ])
      if (found) {
        const min = found.spec?.minReplicas ?? 1
        await setLeast(found, Math.max(min, atLeast), min)
      }
      const { metadata, spec } = deployment ?? {}
      // The controllers retry at any change of an annotation. By themselves they may wait for 17 minutes.
      const retried =
        deployment && lacksReplicas(deployment) ? metadata?.resourceVersion : undefined
      await api.patch(`${deployments}/${name}`, {
        metadata: {
          annotations: {
            [labels.replicas]: declared === null ? null : String(declared),
            ...(retried !== undefined && { [labels.retried]: retried }),
          },
        },
        ...((spec?.replicas ?? 1) < atLeast && { spec: { replicas: atLeast } }),
      })
    },
    async reset(service, color, { replicas, autoscaler: numbers }, atLeast) {
      const name = slotName(service, color)
      const found = numbers && (await autoscaler(name))
      if (!found) {
        const spec = { replicas: Math.max(replicas, atLeast) }
        await api.patch(`${deployments}/${name}`, { spec })
        return
      }
      const { min: minReplicas, max: maxReplicas } = numbers
      await api.patch(`${autoscalers}/${found.metadata?.name}`, {
        spec: { minReplicas, maxReplicas },
      })
    },
    async scale({ service, color, replicas, min, declared }) {
      const name = slotName(service, color)
      // First, or it would remove pods beyond its maximum.
      const found = min === null ? null : await autoscaler(name)
      if (found && min !== null) await setLeast(found, min, declared === null ? null : min)
      if (replicas === null && declared === null) return
      await api.patch(`${deployments}/${name}`, {
        ...(declared !== null && annotated(labels.replicas, declared)),
        ...(replicas !== null && { spec: { replicas } }),
      })
    },
  }
}

function annotated(name: string, value: number): object {
  return { metadata: { annotations: { [name]: String(value) } } }
}
