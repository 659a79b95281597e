// The numbers of pods in a rendered chart; pure.
import type { RenderedNumbers } from '../../adapters/kubernetes/scaling.ts'
import { isMap } from '../../release/canonical.ts'
import type { Manifest } from '../../release/ports/driver.ts'

/** Kubernetes' own defaults are 1. */
export function renderedNumbers(manifests: readonly Manifest[]): RenderedNumbers {
  const specOf = (kind: string): Record<string, unknown> | null => {
    const found = manifests.find((each) => each.kind === kind)
    return found && isMap(found.spec) ? found.spec : null
  }
  const autoscaler = specOf('HorizontalPodAutoscaler')
  const min = Number(autoscaler?.minReplicas ?? 1)
  return {
    replicas: Number(specOf('Deployment')?.replicas ?? 1),
    autoscaler: autoscaler && { min, max: Number(autoscaler.maxReplicas ?? min) },
  }
}
