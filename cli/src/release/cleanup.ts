// cleanup: removes the slots that do not serve; from then on there is no instant way back.

import type { CleanupPlan } from './plan.ts'
import type { Cluster, Progress } from './ports.ts'
import { settleAll } from './settle.ts'
import { type EnvironmentState, targetOf } from './state.ts'

export interface CleanupPorts {
  cluster: Cluster
  progress: Progress
}

export async function cleanup(
  { cluster, progress }: CleanupPorts,
  state: EnvironmentState,
  plan: CleanupPlan,
): Promise<void> {
  // First the preview: no Service may lead to a slot that is about to go.
  await settleAll(
    plan.previews.map(async ({ service, target }) => {
      const pointer = state.services[service]?.preview
      if (pointer) await cluster.point(service, 'preview', target, pointer.resourceVersion)
    }),
  )
  await settleAll(
    plan.deletions.map(({ service, slot }) =>
      progress.step(`remove ${service} ${slot.color} ${slot.version}`, () =>
        cluster.deleteSlot(service, targetOf(slot)),
      ),
    ),
  )
}
