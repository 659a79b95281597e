// The lock of an environment: a Lease that its holder renews. It expires 15 s after the last renewal. A process of this
// machine that has ended holds nothing. A lock by hand is on the same Lease, and stands until it is ended.
import type { V1Lease } from '@kubernetes/client-node'
import { failed } from '../../errors.ts'
import type { Clock, Held, Lock, LockHolder, Operator } from '../../release/ports/session.ts'
import { isConflict, type KubernetesApi } from './api.ts'
import {
  commandOf,
  handOf,
  inSeconds,
  leaseName,
  leaseOf,
  leaseSeconds,
  microTime,
} from './lease.ts'

const renewMs = 4_000
const checkMs = 250
const tries = 10

/** The processes of this machine. */
export interface Processes {
  /** null: a process of this system cannot be recognised later. */
  describeSelf(): Promise<string | null>
  /** Whether the described process ran here and is gone. false: it runs, or that cannot be seen from here. */
  hasEnded(description: string): Promise<boolean>
}

interface LockOptions {
  operator: Operator
  /** Of this process: no other command has it. */
  holder: string
  clock: Clock
  processes: Processes
}

/** A command that holds the lock. */
interface Holding {
  reason: string
  /** As the Lease has it. */
  acquired: string
}

/** The requests to the Lease. */
function createLeases(
  api: KubernetesApi,
  namespace: string,
  { operator, holder, clock, processes }: LockOptions,
) {
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`
  const path = `${collection}/${leaseName}`
  const put = (lease: object): Promise<V1Lease> => api.send('PUT', path, lease)
  return {
    /** `at` is the API server's time, in whole seconds: all commands that share a lock must share a clock. */
    async read(): Promise<{ lease: V1Lease | null; at: number }> {
      const { status, headers, body } = await api.ask({ method: 'GET', path, retry: 'read' })
      if (status !== 200 && status !== 404) throw api.errorOf(status, 'GET', path, body)
      const time = Date.parse(headers.date ?? '')
      return {
        lease: status === 404 ? null : (JSON.parse(body) as V1Lease),
        at: Number.isNaN(time) ? clock.now().getTime() : time,
      }
    },
    /** Fails with a conflict if the lease has changed since `found` was read. */
    async write(
      found: V1Lease | null,
      { reason, acquired }: Holding,
      renewed: string,
      hand: LockHolder | null = handOf(found),
    ): Promise<V1Lease> {
      const process = await processes.describeSelf()
      const { run } = operator
      const lease = leaseOf(found, { holder, run, reason, process, acquired, renewed }, hand)
      return found ? put(lease) : api.send('POST', collection, lease)
    },
    /** Lets it go. A lock by hand stays. */
    async free(lease: V1Lease): Promise<void> {
      const hand = handOf(lease)
      const { uid, resourceVersion } = lease.metadata ?? {}
      if (hand) await put(leaseOf(lease, null, hand))
      else await api.send('DELETE', path, { preconditions: { uid, resourceVersion } })
    },
  }
}

export function createLock(api: KubernetesApi, namespace: string, options: LockOptions): Lock {
  const { operator, holder, clock, processes } = options
  const { read, write, free } = createLeases(api, namespace, options)

  const runningOf = async (lease: V1Lease | null, at: number): Promise<LockHolder | null> => {
    const command = commandOf(lease, at)
    return command && !(await processes.hasEnded(command.process)) ? command.holder : null
  }

  /** Milliseconds since now, by the faster clock: the monotonic one stops while a laptop sleeps, the other one may be set. */
  const startTimer = (): (() => number) => {
    const [monotonic, wall] = [clock.monotonic(), clock.now().getTime()]
    return () => Math.max(clock.monotonic() - monotonic, clock.now().getTime() - wall)
  }

  const keep = (taken: V1Lease, held: Holding, sinceTaken: () => number): Held => {
    const lost = new AbortController()
    let lease = taken
    let sinceRenewed = sinceTaken
    let turn: Promise<void> | null = null
    let renewalError: unknown
    const isOurs = (found: V1Lease | null): found is V1Lease =>
      found?.spec?.holderIdentity === holder && String(found.spec.acquireTime) === held.acquired
    const renew = async (): Promise<void> => {
      const since = startTimer()
      try {
        const { at } = await read()
        lease = await write(lease, held, microTime(at))
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
        if (isOurs(found)) lease = found
        else lost.abort(renewalError)
      } catch {
        // Not known yet. The next renewal asks again.
      }
    }
    const note = async <H extends LockHolder | null>(handAt: (at: number) => H): Promise<H> => {
      const since = startTimer()
      const { lease: found, at } = await read()
      if (!isOurs(found)) {
        lost.abort()
        throw failed({ code: 'conflict', message: 'Another command has taken the lock.' })
      }
      const hand = handAt(at)
      lease = await write(found, held, microTime(at), hand)
      sinceRenewed = since
      return hand
    }
    /** One write at a time, or they would be in conflict with each other. */
    const inTurn = async <T>(write: () => Promise<T>): Promise<T> => {
      const mine = write()
      const done = (): void => {
        turn = null
      }
      turn = mine.then(done, done)
      return mine
    }
    const renewal = setInterval(() => {
      if (!turn) void inTurn(renew)
    }, renewMs)
    // After a freeze of this length another command may have taken the lock, even if the next renewal succeeds.
    const check = setInterval(() => {
      if (sinceRenewed() > leaseSeconds * 1000) lost.abort(renewalError)
    }, checkMs)
    renewal.unref()
    check.unref()
    return {
      lost: lost.signal,
      byHand: handOf(taken),
      async lockByHand(reason) {
        const { by, run } = operator
        await turn
        return inTurn(() =>
          note((at) => ({ holder: by, run, reason, since: inSeconds(at), byHand: true })),
        )
      },
      async unlockByHand() {
        await turn
        await inTurn(() => note(() => null))
      },
      async release() {
        clearInterval(renewal)
        clearInterval(check)
        await turn
        // If this fails, the lease expires by itself. The command's own result matters more.
        await free(lease).catch(() => {})
      },
    }
  }
  return {
    async lockHolder() {
      const { lease, at } = await read()
      return (await runningOf(lease, at)) ?? handOf(lease)
    },
    async acquire(reason, { despiteByHand = false } = {}) {
      for (let tried = 1; ; tried += 1) {
        const since = startTimer()
        const { lease: found, at } = await read()
        const other = (await runningOf(found, at)) ?? (despiteByHand ? null : handOf(found))
        if (other) return other
        const time = microTime(at)
        try {
          const held = { reason, acquired: time }
          return keep(await write(found, held, time), held, since)
        } catch (error) {
          // Another command took the lock at the same moment, and may have released it since.
          if (!isConflict(error) || tried === tries) throw error
        }
      }
    },
  }
}
