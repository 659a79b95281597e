// A release by a user with few rights: what is left out, and what somebody else has to do first.
import { isDenied, type KubernetesApi } from '../../adapters/kubernetes/api.ts'
import type { Scaling } from '../../adapters/kubernetes/scaling.ts'
import { refused } from '../../errors.ts'
import type { Driver } from '../../release/ports/driver.ts'
import type { Progress } from '../../release/ports/session.ts'
import { slotName } from '../../release/slot.ts'

/** Where this user may not scale a slot, it keeps its number of pods, and a note says so. */
export function scalingAsAllowed(scaling: Scaling, progress: Pick<Progress, 'note'>): Scaling {
  const noted = new Set<string>()
  const asAllowed = async (slot: string, write: () => Promise<void>): Promise<void> => {
    try {
      await write()
    } catch (error) {
      if (!isDenied(error)) throw error
      if (!noted.has(slot))
        progress.note(`${slot} keeps its number of pods: your account may not change it.`)
      noted.add(slot)
    }
  }
  return {
    afterWrite: (write) =>
      asAllowed(slotName(write.service, write.color), () => scaling.afterWrite(write)),
    scale: (scale) => asAllowed(slotName(scale.service, scale.color), () => scaling.scale(scale)),
    reset: (service, color, ...numbers) =>
      asAllowed(slotName(service, color), () => scaling.reset(service, color, ...numbers)),
  }
}

/** Helm keeps its releases in Secrets, and updates them. Without that right, it would leave half of one behind. */
export function installAsAllowed(
  { install }: Pick<Driver, 'install'>,
  api: Pick<KubernetesApi, 'send'>,
  namespace: string,
): Driver['install'] {
  return async (chart, signal) => {
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
    const review = await api.send<{ status?: { allowed?: boolean } }>('POST', path, {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { namespace, verb: 'update', resource: 'secrets' } },
    })
    if (review.status?.allowed) return install(chart, signal)
    throw refused({
      code: 'not-allowed',
      message: `${chart.name} is missing or out of date, and your account is forbidden to install it with helm.`,
      hint: 'Have a deployer or an administrator run `shopctl deploy`, then run the command again.',
    })
  }
}
