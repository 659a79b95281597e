// The Lease of an environment as an object. Its spec says which command holds the lock. A lock by hand is in its
// annotations, so that it stands whatever becomes of the command that made it. Pure.
import type { V1Lease } from '@kubernetes/client-node'
import type { LockHolder } from '../../release/ports/session.ts'

export const leaseName = 'shopctl'
/** After the last renewal. */
export const leaseSeconds = 15

const ofCommand = { reason: 'shopctl.dev/reason', run: 'shopctl.dev/run' }
const processKey = 'shopctl.dev/process'
const ofHand = {
  holder: 'shopctl.dev/locked-by',
  since: 'shopctl.dev/locked-since',
  reason: 'shopctl.dev/locked-reason',
  run: 'shopctl.dev/locked-run',
}

function annotationsOf(lease: V1Lease | null): Record<string, string> {
  return lease?.metadata?.annotations ?? {}
}

/** The command that has renewed the lease in time, and its process. null: none has. `at` in milliseconds since 1970. */
export function commandOf(
  lease: V1Lease | null,
  at: number,
): { holder: LockHolder; process: string } | null {
  const { holderIdentity, renewTime, acquireTime } = lease?.spec ?? {}
  if (!holderIdentity || !renewTime) return null
  if (at - Date.parse(String(renewTime)) > leaseSeconds * 1000) return null
  const notes = annotationsOf(lease)
  const holder = {
    holder: holderIdentity,
    run: notes[ofCommand.run] ?? null,
    reason: notes[ofCommand.reason] ?? '',
    since: inSeconds(Date.parse(String(acquireTime))),
    byHand: false,
  }
  return { holder, process: notes[processKey] ?? '' }
}

/** null: there is no lock by hand. One that somebody has damaged still is one. */
export function handOf(lease: V1Lease | null): LockHolder | null {
  const notes = annotationsOf(lease)
  const holder = notes[ofHand.holder]
  if (holder === undefined) return null
  const { [ofHand.since]: since = '', [ofHand.reason]: reason = '', [ofHand.run]: run } = notes
  return { holder, run: run ?? null, reason, since, byHand: true }
}

function handNotes(hand: LockHolder | null): Record<string, string> {
  if (!hand) return {}
  const { holder, since, reason, run } = hand
  return {
    [ofHand.holder]: holder,
    [ofHand.since]: since,
    [ofHand.reason]: reason,
    ...(run !== null && { [ofHand.run]: run }),
  }
}

interface Command {
  holder: string
  run: string | null
  reason: string
  /** null: its process cannot be recognised later. */
  process: string | null
  acquired: string
  renewed: string
}

/** To write: the lease with this command in it and this lock by hand; each null: none. */
export function leaseOf(
  found: V1Lease | null,
  command: Command | null,
  hand: LockHolder | null,
): object {
  const notes = command && {
    [ofCommand.reason]: command.reason,
    ...(command.run !== null && { [ofCommand.run]: command.run }),
    ...(command.process !== null && { [processKey]: command.process }),
  }
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      ...found?.metadata,
      name: leaseName,
      annotations: { ...notes, ...handNotes(hand) },
    },
    spec: command
      ? {
          holderIdentity: command.holder,
          leaseDurationSeconds: leaseSeconds,
          acquireTime: command.acquired,
          renewTime: command.renewed,
        }
      : {},
  }
}

export function inSeconds(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')
}

/** As the spec of a Lease has times. */
export function microTime(at: number): string {
  return new Date(at).toISOString().replace('Z', '000Z')
}
