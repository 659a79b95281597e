// The lock of an environment: a Lease that its holder renews; one that was killed loses it after 15 s.
import type { V1Lease } from '@kubernetes/client-node'
import type { Lock, LockHolder } from '../../release/ports.ts'
import { isConflict, type KubernetesApi } from './api.ts'

const leaseName = 'shopctl'
const leaseSeconds = 15
const renewMs = 4_000
const reasonKey = 'shopctl.dev/reason'

const holderOf = (lease: V1Lease | null, now: number): LockHolder | null => {
  const { holderIdentity, renewTime, acquireTime } = lease?.spec ?? {}
  if (!holderIdentity || !renewTime) return null
  if (now - Date.parse(String(renewTime)) > leaseSeconds * 1000) return null
  return {
    holder: holderIdentity,
    reason: lease?.metadata?.annotations?.[reasonKey] ?? '',
    since: String(acquireTime).replace(/\.\d+Z$/, 'Z'),
  }
}

export const createLock = (
  api: KubernetesApi,
  namespace: string,
  { holder, now }: { holder: string; now: () => number },
): Lock => {
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`
  const path = `${collection}/${leaseName}`
  const microTime = (): string => new Date(now()).toISOString().replace('Z', '000Z')
  const read = (): Promise<V1Lease | null> => api.get<V1Lease>(path)

  const write = (found: V1Lease | null, reason: string, acquireTime: string): Promise<V1Lease> => {
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        ...found?.metadata,
        name: leaseName,
        namespace,
        annotations: { [reasonKey]: reason },
      },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: leaseSeconds,
        acquireTime,
        renewTime: microTime(),
      },
    }
    return found ? api.send('PUT', path, lease) : api.send('POST', collection, lease)
  }

  const keep = (
    taken: V1Lease,
    reason: string,
  ): { lost: AbortSignal; release(): Promise<void> } => {
    const lost = new AbortController()
    const acquireTime = String(taken.spec?.acquireTime)
    let lease = taken
    let turn: Promise<void> = Promise.resolve()
    const renew = async (): Promise<void> => {
      try {
        lease = await write(lease, reason, acquireTime)
      } catch (error) {
        // An API server that is away for a moment leaves the lease as it is; a conflict means that it is gone.
        if (isConflict(error)) lost.abort()
      }
    }
    const timer = setInterval(() => {
      turn = turn.then(renew)
    }, renewMs)
    timer.unref()
    return {
      lost: lost.signal,
      async release() {
        clearInterval(timer)
        await turn
        const { uid, resourceVersion } = lease.metadata ?? {}
        // If this fails, the lease ends by itself: not worth covering up what the command came to.
        await api.send('DELETE', path, { preconditions: { uid, resourceVersion } }).catch(() => {})
      },
    }
  }
  return {
    lockHolder: async () => holderOf(await read(), now()),
    async acquire(reason) {
      const found = await read()
      const other = holderOf(found, now())
      if (other) return other
      try {
        return keep(await write(found, reason, microTime()), reason)
      } catch (error) {
        // Two asked at the same moment, and the other one was first.
        const winner = isConflict(error) ? holderOf(await read(), now()) : null
        if (winner) return winner
        throw error
      }
    },
  }
}
