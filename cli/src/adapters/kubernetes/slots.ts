// Writes objects of a slot without a chart: selectors, restarts, and what an uninstall leaves behind.
import type { V1Deployment, V1Job, V1PodDisruptionBudget, V1Service } from '@kubernetes/client-node'
import { failed } from '../../errors.ts'
import type { PointerMove } from '../../release/ports/driver.ts'
import { type Color, slotName, type Target } from '../../release/slot.ts'
import type { KubernetesApi } from './api.ts'
import { jobName, labels, selectorOf, serviceName, slotOf } from './objects.ts'

export interface SlotObjects {
  /** Returns the Service's new resourceVersion. Fails with a conflict when the Service was changed meanwhile. */
  point(move: PointerMove): Promise<string>
  /** Whether an object of the slot belongs to another Helm release than the slot's, or to none. */
  belongsElsewhere(service: string, color: Color): Promise<boolean>
  /** Deletes the migration Job of an earlier deploy. */
  deleteJob(service: string, color: Color): Promise<void>
  /** Fails with a conflict when the slot has another revision by now. */
  checkRevision(service: string, slot: Target): Promise<void>
  /** Deletes a Deployment that belongs to no Helm release. */
  deleteRest(service: string, slot: Target): Promise<void>
  /** Replaces the pods of a slot, new ones first. */
  restart(service: string, color: Color): Promise<void>
}

/** `now` is for the annotation of a restart. */
export function createSlotObjects(
  api: KubernetesApi,
  namespace: string,
  now: () => Date,
): SlotObjects {
  const core = `/api/v1/namespaces/${namespace}`
  const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`
  const jobs = `/apis/batch/v1/namespaces/${namespace}/jobs`
  const budgets = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`
  const checked = async (service: string, slot: Target): Promise<V1Deployment | null> => {
    const found = await api.get<V1Deployment>(`${deployments}/${slotName(service, slot.color)}`)
    if (!found || slotOf(found)?.revision === slot.revision) return found
    throw failed({
      code: 'conflict',
      message: `${service} ${slot.color} was deployed again meanwhile.`,
      hint: 'Run `shopctl status`, then run the command again.',
    })
  }
  return {
    async point({ service, which, to, resourceVersion, release }) {
      const name = serviceName(service, which)
      const annotations = release === null ? {} : { [labels.release]: release }
      const written = await api.apply<V1Service>(`${core}/services/${name}`, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace, resourceVersion, annotations },
        spec: { selector: selectorOf(service, to) },
      })
      return written.metadata?.resourceVersion ?? ''
    },
    async belongsElsewhere(service, color) {
      const name = slotName(service, color)
      const found = await Promise.all([
        api.get<V1Deployment>(`${deployments}/${name}`),
        api.get<V1PodDisruptionBudget>(`${budgets}/${name}`),
      ])
      return found.some((each) => each && each.metadata?.annotations?.[labels.helmRelease] !== name)
    },
    async deleteJob(service, color) {
      const path = `${jobs}/${jobName(service, color)}`
      if (await api.get<V1Job>(path))
        await api.send('DELETE', path, { propagationPolicy: 'Background' })
    },
    async checkRevision(service, slot) {
      await checked(service, slot)
    },
    async deleteRest(service, slot) {
      const found = await checked(service, slot)
      if (!found) return
      const { uid, resourceVersion, deletionTimestamp } = found.metadata ?? {}
      if (deletionTimestamp) return
      await api.send('DELETE', `${deployments}/${slotName(service, slot.color)}`, {
        kind: 'DeleteOptions',
        apiVersion: 'v1',
        propagationPolicy: 'Background',
        preconditions: { uid, resourceVersion },
      })
    },
    async restart(service, color) {
      await api.patch(`${deployments}/${slotName(service, color)}`, {
        spec: {
          strategy: {
            type: 'RollingUpdate',
            rollingUpdate: { maxSurge: '100%', maxUnavailable: 0 },
          },
          template: {
            metadata: { annotations: { 'shopctl.dev/restarted-at': now().toISOString() } },
          },
        },
      })
    },
  }
}
