// The lock of an environment: a Lease that its holder renews; one that was killed loses it after 15 s.
import type { V1Lease } from '@kubernetes/client-node'
import type { Clock, Held, Lock, LockHolder } from '../../release/ports/session.ts'
import { isConflict, type KubernetesApi } from './api.ts'

const leaseName = 'shopctl'
const leaseSeconds = 15
const renewMs = 4_000
const checkMs = 250
const reasonKey = 'shopctl.dev/reason'

function holderOf(lease: V1Lease | null, now: number): LockHolder | null {
  const { holderIdentity, renewTime, acquireTime } = lease?.spec ?? {}
  if (!holderIdentity || !renewTime) return null
  if (now - Date.parse(String(renewTime)) > leaseSeconds * 1000) return null
  return {
    holder: holderIdentity,
    reason: lease?.metadata?.annotations?.[reasonKey] ?? '',
    since: String(acquireTime).replace(/\.\d+Z$/, 'Z'),
  }
}

function microTime(at: number): string {
  return new Date(at).toISOString().replace('Z', '000Z')
}

export function createLock(
  api: KubernetesApi,
  namespace: string,
  { holder, clock }: { holder: string; clock: Clock },
): Lock {
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`
  const path = `${collection}/${leaseName}`
  const read = (): Promise<V1Lease | null> => api.get<V1Lease>(path)

  /** Those who share a lock have to share a clock: the API server's, in whole seconds. */
  const serverTime = async (): Promise<number> => {
    const response = await api.open({ method: 'GET', path })
    response.resume()
    const time = Date.parse(response.headers.date ?? '')
    return Number.isNaN(time) ? clock.now().getTime() : time
  }

  const write = (
    found: V1Lease | null,
    reason: string,
    { acquired, renewed }: { acquired: string; renewed: string },
  ): Promise<V1Lease> => {
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
        acquireTime: acquired,
        renewTime: renewed,
      },
    }
    return found ? api.send('PUT', path, lease) : api.send('POST', collection, lease)
  }

  /** Gives the milliseconds since. The monotonic clock stands still while a laptop sleeps, the other one may be set. */
  const startTimer = (): (() => number) => {
    const [monotonic, wall] = [clock.monotonic(), clock.now().getTime()]
    return () => Math.max(clock.monotonic() - monotonic, clock.now().getTime() - wall)
  }

  const keep = (taken: V1Lease, reason: string, sinceTaken: () => number): Held => {
    const lost = new AbortController()
    const acquired = String(taken.spec?.acquireTime)
    let lease = taken
    let sinceRenewed = sinceTaken
    let turn: Promise<void> | null = null
    let renewalError: unknown
    const isOurs = ({ spec }: V1Lease): boolean =>
      spec?.holderIdentity === holder && String(spec.acquireTime) === acquired
    const renew = async (): Promise<void> => {
      const since = startTimer()
      try {
        lease = await write(lease, reason, { acquired, renewed: microTime(await serverTime()) })
        sinceRenewed = since
        renewalError = undefined
      } catch (error) {
        renewalError = error
        // An API server that is away for a moment leaves the lease as it is.
        if (isConflict(error)) await afterConflict()
      }
    }
    const afterConflict = async (): Promise<void> => {
      try {
        const found = await read()
        // Ours under another version: a renewal was carried out, and its answer was lost.
        if (found && isOurs(found)) lease = found
        else lost.abort(renewalError)
      } catch {
        // Not known yet: the next renewal asks again.
      }
    }
    const renewal = setInterval(() => {
      turn ??= renew().finally(() => {
        turn = null
      })
    }, renewMs)
    // A process that was frozen for so long may have been replaced, whatever the next renewal says.
    const check = setInterval(() => {
      if (sinceRenewed() > leaseSeconds * 1000) lost.abort(renewalError)
    }, checkMs)
    renewal.unref()
    check.unref()
    return {
      lost: lost.signal,
      async release() {
        clearInterval(renewal)
        clearInterval(check)
        await turn
        const { uid, resourceVersion } = lease.metadata ?? {}
        // If this fails, the lease ends by itself: not worth covering up what the command came to.
        await api.send('DELETE', path, { preconditions: { uid, resourceVersion } }).catch(() => {})
      },
    }
  }
  return {
    async lockHolder() {
      const [found, at] = await Promise.all([read(), serverTime()])
      return holderOf(found, at)
    },
    async acquire(reason) {
      const since = startTimer()
      const [found, at] = await Promise.all([read(), serverTime()])
      const other = holderOf(found, at)
      if (other) return other
      const time = microTime(at)
      try {
        return keep(await write(found, reason, { acquired: time, renewed: time }), reason, since)
      } catch (error) {
        // Two asked at the same moment, and the other one was first.
        const winner = isConflict(error) ? holderOf(await read(), await serverTime()) : null
        if (winner) return winner
        throw error
      }
    },
  }
}
