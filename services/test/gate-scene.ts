// For tests of the gate: a gate in a real Postgres, with pods of two slots and a Service.
import type { Database, Transaction } from '@shop/kernel/database'
import {
  createGatekeeper,
  type Fence,
  type Gatekeeper,
  moveGate,
  readGate,
} from '@shop/kernel/gate'
import { migrate } from '@shop/kernel/migrate'
import type { Slot } from '@shop/kernel/role'
import { expect, onTestFinished, vi } from 'vitest'
import { createSchema, logger, migrationsOf, openDatabase } from './infrastructure.ts'

export const blue: Slot = { color: 'blue', revision: 'b1' }
export const green: Slot = { color: 'green', revision: 'g1' }

const migrations = await migrationsOf('order')

/** A database with a gate, a table for effects, and a Service that names a slot. */
export async function createScene() {
  const url = await createSchema()
  const connect = () => openDatabase(url)
  const database = connect()
  await migrate(url, migrations)
  await database.query('CREATE TABLE effects (epoch int, n serial)')
  let named: Slot | null = null
  let read = async () => named

  function startPod(slot: Slot, control = connect()) {
    const own = connect()
    const fences: (number | null)[] = []
    const keeper: Gatekeeper = createGatekeeper({
      database: own,
      control,
      slot,
      readService: () => read(),
      logger,
      onChange: (fence) => fences.push(fence?.epoch ?? null),
    })
    onTestFinished(() => keeper.setRole('standby'))
    return { keeper, fences }
  }

  return {
    database,
    connect,
    startPod,
    move: (slot: Slot) => moveGateTo(database, slot),
    select: (slot: Slot | null) => {
      named = slot
    },
    setApi: (next: () => Promise<Slot | null>) => {
      read = next
    },
    gate: () => readGate(database),
    effects: async () =>
      (await database.query<{ epoch: number }>('SELECT epoch FROM effects ORDER BY n')).map(
        ({ epoch }) => epoch,
      ),
  }
}

export function soon() {
  return performance.now() + 1_000
}

async function moveGateTo(database: Database, to: Slot) {
  const { epoch: from } = await readGate(database)
  return moveGate(database, { from, to, deadline: soon() })
}

export function effect(fence: Fence, work: (tx: Transaction) => Promise<void> = async () => {}) {
  return fence.transaction(async (tx) => {
    await tx.query('INSERT INTO effects VALUES ($1)', [fence.epoch])
    await work(tx)
  })
}

export function untilFence(keeper: Gatekeeper): Promise<Fence> {
  return vi.waitFor(
    () => {
      const fence = keeper.fence()
      if (!fence) throw new Error('no fence')
      return fence
    },
    { timeout: 10_000, interval: 5 },
  )
}

/** Begins an effect in a transaction that stays open until `thaw`, like that of a frozen process. `outcome` never rejects. */
export async function freeze(
  fence: Fence,
): Promise<{ outcome: Promise<unknown>; thaw: () => void }> {
  const [begun, thawed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const outcome = effect(fence, async () => {
    begun.resolve()
    await thawed.promise
  }).catch((error: Error) => error)
  onTestFinished(() => thawed.resolve())
  await begun.promise
  return { outcome, thaw: thawed.resolve }
}

export function withExclusiveLock(database: Database, work: (tx: Transaction) => Promise<void>) {
  return database.transaction(async (tx) => {
    await tx.query("SELECT pg_advisory_xact_lock(7316, 'release_gate'::regclass::oid::integer)")
    await work(tx)
  })
}

export function untilLockIsAwaited(database: Database) {
  return vi.waitFor(
    async () => {
      const waiting = await database.query(
        `SELECT FROM pg_locks WHERE classid = 7316 AND objid = 'release_gate'::regclass::oid
           AND NOT granted`,
      )
      expect(waiting).toHaveLength(1)
    },
    { timeout: 5_000, interval: 5 },
  )
}
