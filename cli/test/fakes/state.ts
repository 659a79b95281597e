// Parts of an environment's state, as tests put them together.
import {
  emptyJournal,
  type Journal,
  type MoveOperation,
  type Operation,
} from '../../src/release/record.ts'
import {
  type Color,
  type Move,
  type MoveVerb,
  type NamedSlot,
  type Side,
  type Slot,
  sideOf,
  type Target,
} from '../../src/release/slot.ts'
import type { EnvironmentState, Pointer, ServiceState } from '../../src/release/state.ts'
import type { WatchRecord } from '../../src/release/watch-record.ts'

export const blue = { color: 'blue', revision: 'a' } as const
export const green = { color: 'green', revision: 'b' } as const

export function aSlot(color: Color, revision: string, over: Partial<Slot> = {}): Slot {
  return {
    color,
    revision,
    version: `v-${revision}`,
    digest: `sha256:${revision}`,
    template: revision,
    replicas: 2,
    ready: 2,
    migrations: null,
    settings: {},
    helmRelease: null,
    kept: false,
    declared: null,
    autoscaler: null,
    ...over,
  }
}

export function aSide(color: Color, revision: string): Side {
  return sideOf(aSlot(color, revision))
}

/** Blue with revision `a`, green with `b`. */
export const bothSlots = { blue: aSlot('blue', 'a'), green: aSlot('green', 'b') }

export function emptyService(): ServiceState {
  return { slots: { blue: null, green: null }, stable: null, preview: null }
}

export function aPointer(target: Target | null): Pointer {
  return { target, resourceVersion: '1', release: null }
}

export function aService(
  slots: { blue?: Slot; green?: Slot },
  stable: Target | null,
  preview: Target | null,
): ServiceState {
  return {
    slots: { blue: slots.blue ?? null, green: slots.green ?? null },
    stable: aPointer(stable),
    preview: aPointer(preview),
  }
}

/** Blue serves, green was deployed and waits. */
export function waiting(): ServiceState {
  return aService(structuredClone(bothSlots), blue, green)
}

/** Green serves since the switch, blue is kept. */
export function switched(): ServiceState {
  return aService(structuredClone(bothSlots), green, green)
}

export function anOperation(over: Partial<Operation>): Operation {
  return {
    version: 1,
    number: 1,
    release: null,
    verb: 'deploy',
    startedAt: '2026-01-01T00:00:00.000Z',
    endedAt: '2026-01-01T00:00:01.000Z',
    by: 'me@here',
    run: null,
    reason: null,
    services: [],
    phases: [],
    outcome: 'done',
    error: null,
    ...over,
  }
}

/** One that goes on. */
export function aWatch(over: Partial<WatchRecord> = {}): WatchRecord {
  return {
    startedAt: '2026-01-01T12:00:00.000Z',
    until: '2026-01-01T12:05:00.000Z',
    seenAt: '2026-01-01T12:00:00.000Z',
    outcome: null,
    note: null,
    gates: [],
    ...over,
  }
}

/** One that is not ended; of a switch or rollback with the id `r-2`, as if one had gone before. */
export function anOpenOperation(over: Partial<Operation>): Operation {
  const isMove = over.verb === 'switch' || over.verb === 'rollback'
  return anOperation({ release: isMove ? 'r-2' : null, ...over, endedAt: null, outcome: null })
}

/** From blue to green for every name, unless `over` says otherwise. */
export function aMove(
  release: string,
  verb: MoveVerb,
  names: readonly string[],
  over: Partial<Operation> = {},
): MoveOperation {
  const services = names.map(
    (name): Move => ({ name, from: aSide('blue', 'a'), to: aSide('green', 'b') }),
  )
  return { ...anOperation({ services, ...over }), verb, release }
}

/** A smoke test of these services, in the combination of revisions. */
export function aSmoke(
  revisions: Readonly<Record<string, string>>,
  names: readonly string[],
  over: Partial<Operation> = {},
): Operation {
  const combination = Object.fromEntries(
    Object.entries(revisions).map(([name, revision]) => [
      name,
      { revision, digest: `sha256:${revision}`, template: revision },
    ]),
  )
  const services = names.map((name) => ({ name, from: null, to: null }))
  return anOperation({ verb: 'smoke', combination, services, ...over })
}

/** The operations numbered as they stand. */
export function aJournal({
  closed = [],
  open = null,
}: {
  closed?: readonly Operation[]
  open?: Operation | null
}): Journal {
  const all = [...closed, ...(open ? [open] : [])]
  const ids = all.map(({ release }) => Number(release?.slice(2) ?? 0))
  return {
    ...emptyJournal,
    counter: { operation: all.length, release: Math.max(0, ...ids) },
    closed: closed.map((operation, index) => ({ ...operation, number: index + 1 })),
    open: open && { ...open, number: all.length },
    head: '1',
  }
}

export function aState(
  services: Record<string, ServiceState>,
  records: Parameters<typeof aJournal>[0] = {},
): EnvironmentState {
  return { services, others: [], unlisted: [], journal: aJournal(records) }
}

export function named(name: string, slot: Slot): NamedSlot {
  return { name, slot }
}
