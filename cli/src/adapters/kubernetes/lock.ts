// The lock of an environment: a Lease that its holder renews. It expires 15 s after the last renewal. A process of this
// machine that has ended holds nothing.
import type { V1Lease } from '@kubernetes/client-node'
import type { Clock, Held, Lock, LockHolder } from '../../release/ports/session.ts'
import { isConflict, type KubernetesApi } from './api.ts'

const leaseName = 'shopctl'
const leaseSeconds = 15
const renewMs = 4_000
const checkMs = 250
const tries = 10
const reasonKey = 'shopctl.dev/reason'
const processKey = 'shopctl.dev/process'

/** The processes of this machine. */
export interface Processes {
  /** null: a process of this system cannot be recognised later. */
  describeSelf(): Promise<string | null>
  /** Whether the described process ran here and is gone. false: it runs, or that cannot be seen from here. */
  hasEnded(description: string): Promise<boolean>
}

interface LockOptions {
  holder: string
  clock: Clock
  processes: Processes
}

function microTime(at: number): string {
  return new Date(at).toISOString().replace('Z', '000Z')
}

export function createLock(
  api: KubernetesApi,
  namespace: string,
  { holder, clock, processes }: LockOptions,
): Lock {
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`
  const path = `${collection}/${leaseName}`

  /** `at` is the API server's time, in whole seconds: all commands that share a lock must share a clock. */
  const read = async (): Promise<{ lease: V1Lease | null; at: number }> => {
    const { status, headers, body } = await api.ask({ method: 'GET', path, retry: 'read' })
    if (status !== 200 && status !== 404) throw api.errorOf(status, 'GET', path, body)
    const time = Date.parse(headers.date ?? '')
    return {
      lease: status === 404 ? null : (JSON.parse(body) as V1Lease),
      at: Number.isNaN(time) ? clock.now().getTime() : time,
    }
  }

  const holderOf = async (lease: V1Lease | null, at: number): Promise<LockHolder | null> => {
    const { holderIdentity, renewTime, acquireTime } = lease?.spec ?? {}
    if (!holderIdentity || !renewTime) return null
    if (at - Date.parse(String(renewTime)) > leaseSeconds * 1000) return null
    const annotations = lease?.metadata?.annotations ?? {}
    if (await processes.hasEnded(annotations[processKey] ?? '')) return null
    return {
      holder: holderIdentity,
      reason: annotations[reasonKey] ?? '',
      since: String(acquireTime).replace(/\.\d+Z$/, 'Z'),
    }
  }

  const write = async (
    found: V1Lease | null,
    reason: string,
    { acquired, renewed }: { acquired: string; renewed: string },
  ): Promise<V1Lease> => {
    const self = await processes.describeSelf()
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        ...found?.metadata,
        name: leaseName,
        namespace,
        annotations: { [reasonKey]: reason, ...(self !== null && { [processKey]: self }) },
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

  /** Milliseconds since now, by the faster clock: the monotonic one stops while a laptop sleeps, the other one may be set. */
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
        const { at } = await read()
        lease = await write(lease, reason, { acquired, renewed: microTime(at) })
        sinceRenewed = since
        renewalError = undefined
      } catch (error) {
        renewalError = error
        // When the API server is unreachable for a moment, the lease does not change.
        if (isConflict(error)) await afterConflict()
      }
    }
    const afterConflict = async (): Promise<void> => {
      try {
        const { lease: found } = await read()
        // Ours with another resourceVersion: the renewal succeeded, but its answer was lost.
        if (found && isOurs(found)) lease = found
        else lost.abort(renewalError)
      } catch {
        // Not known yet. The next renewal asks again.
      }
    }
    const renewal = setInterval(() => {
      turn ??= renew().finally(() => {
        turn = null
      })
    }, renewMs)
    // After a freeze of this length another command may have taken the lock, even if the next renewal succeeds.
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
        // If this fails, the lease expires by itself. The command's own result matters more.
        await api.send('DELETE', path, { preconditions: { uid, resourceVersion } }).catch(() => {})
      },
    }
  }
  return {
    async lockHolder() {
      const { lease, at } = await read()
      return holderOf(lease, at)
    },
    async acquire(reason) {
      for (let tried = 1; ; tried += 1) {
        const since = startTimer()
        const { lease: found, at } = await read()
        const other = await holderOf(found, at)
        if (other) return other
        const time = microTime(at)
        try {
          return keep(await write(found, reason, { acquired: time, renewed: time }), reason, since)
        } catch (error) {
          // Another command took the lock at the same moment, and may have released it since.
          if (!isConflict(error) || tried === tries) throw error
        }
      }
    },
  }
}
