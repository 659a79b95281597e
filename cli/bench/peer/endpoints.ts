// When Services lead to other pods: a watch of their EndpointSlices.
import { type KubeConfig, type V1EndpointSlice, Watch } from '@kubernetes/client-node'

export interface Endpoints {
  /** When the Services began to lead to these pods alone, by `performance.now()`. null: they do not. */
  switchedAt(): number | null
  stop(): void
}

const nameLabel = 'kubernetes.io/service-name'

/** Whether each of these Services has ready endpoints, and all of them are these pods. */
export function leadTo(
  slices: readonly V1EndpointSlice[],
  services: readonly string[],
  pods: ReadonlySet<string>,
): boolean {
  return services.every((service) => {
    const targets = slices
      .filter(({ metadata }) => metadata?.labels?.[nameLabel] === service)
      .flatMap(({ endpoints }) => endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready !== false)
    return targets.length > 0 && targets.every(({ targetRef }) => pods.has(targetRef?.name ?? ''))
  })
}

export async function watchEndpoints(
  config: KubeConfig,
  { namespace, services }: { namespace: string; services: readonly string[] },
  pods: ReadonlySet<string>,
): Promise<Endpoints> {
  const slices = new Map<string, V1EndpointSlice>()
  let since: number | null = null
  let ended: string | null = null
  const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`
  const watch = await new Watch(config).watch(
    path,
    { labelSelector: `${nameLabel} in (${services.join(',')})` },
    (type: string, slice: V1EndpointSlice) => {
      const name = slice.metadata?.name ?? ''
      if (type === 'DELETED') slices.delete(name)
      else slices.set(name, slice)
      since = leadTo([...slices.values()], services, pods) ? (since ?? performance.now()) : null
    },
    (error: Error | null) => {
      ended = error?.name === 'TimeoutError' ? 'nothing has changed for 30 s' : String(error)
    },
  )
  return {
    switchedAt() {
      // After a move, its end is of no importance.
      if (since === null && ended !== null)
        throw new Error(`the watch of the endpoints ended before they were the new ones: ${ended}`)
      return since
    },
    stop: () => watch.abort(),
  }
}
