// A small system in a world in memory, and the verbs as the commands call them.
import type { HookName } from '../../src/config/hooks.ts'
import type { Config } from '../../src/config/schema.ts'
import { build } from '../../src/release/build/build.ts'
import { type Cleaned, type CleanupInput, cleanup } from '../../src/release/cleanup/cleanup.ts'
import { type Deployed, type DeployInput, deploy } from '../../src/release/deploy/deploy.ts'
import { releaseHold } from '../../src/release/hold/release-hold.ts'
import type { Moved } from '../../src/release/move/move.ts'
import { type MovePreview, previewRollback, previewSwitch } from '../../src/release/move/preview.ts'
import { type ResumeInput, resume } from '../../src/release/move/resume.ts'
import { type RollbackInput, type RolledBack, rollback } from '../../src/release/move/rollback.ts'
import { type SwitchInput, switchSlots } from '../../src/release/move/switch.ts'
import type { Driver } from '../../src/release/ports/driver.ts'
import type { JournalStore } from '../../src/release/ports/session.ts'
import { push } from '../../src/release/push/push.ts'
import { type Released, type ReleaseInput, release } from '../../src/release/release.ts'
import { type Smoked, type SmokeInput, smoke } from '../../src/release/smoke/smoke.ts'
import type { ServiceState } from '../../src/release/state.ts'
import type { Watched } from '../../src/release/watch/act.ts'
import { type WatchInput, watch } from '../../src/release/watch/watch.ts'
import { aFullConfig } from './config.ts'
import { createWorld, type Ports, type World } from './world.ts'

export const names = ['order', 'payment']

export const sharedChart = { path: '/charts/shop-service', hash: 'service-1' }
export const guardChart = { path: '/charts/shop-guard', hash: 'guard-1' }

export interface Shop {
  world: World
  config: Config
  /** Another state of the work tree: its commit is eight times this letter. */
  commit(letter: string, services?: readonly string[]): void
  deploy(over?: Partial<DeployInput>, ports?: Partial<Ports>): Promise<Deployed[]>
  smoke(over?: Partial<SmokeInput>, ports?: Partial<Ports>): Promise<Smoked>
  switch(over?: Partial<SwitchInput>, ports?: Partial<Ports>): Promise<Moved>
  rollback(over?: Partial<RollbackInput>, ports?: Partial<Ports>): Promise<RolledBack>
  resume(over?: Partial<ResumeInput>, ports?: Partial<Ports>): Promise<Moved>
  watch(over?: Partial<WatchInput>, ports?: Partial<Ports>): Promise<Watched>
  /** What --dry-run of both shows. */
  preview: {
    switch(over?: Partial<SwitchInput>, ports?: Partial<Ports>): Promise<MovePreview>
    rollback(over?: Partial<RollbackInput>, ports?: Partial<Ports>): Promise<MovePreview>
  }
  cleanup(
    services?: readonly string[] | null,
    ports?: Partial<Ports>,
    over?: Partial<CleanupInput>,
  ): Promise<Cleaned>
  release(over?: Partial<ReleaseInput>, ports?: Partial<Ports>): Promise<Released>
  /** What a service serves from, as `green bbbbbbbb`; null: nothing. */
  live(service: string): string | null
}

export function createShop({
  config = aFullConfig(),
  initial = {},
}: {
  config?: Config
  initial?: Record<string, ServiceState>
} = {}): Shop {
  const world = createWorld(Object.keys(config.services), initial)
  const environment = config.environments.local
  if (!environment) throw new Error('no environment')
  const tree = { config, registryAddress: '127.0.0.1:5000', services: Object.keys(config.services) }
  const deployInput: DeployInput = {
    ...tree,
    ...{ env: 'local', environment, sharedChart, guardChart },
    ...{ color: null, timeoutMs: 100, reason: null },
  }
  const smokeInput = { config, services: null, namespaceName: 'shop', reason: null }
  const moveInput = {
    ...{ config, environment, registryAddress: tree.registryAddress },
    ...{ services: null, reason: null, timeoutMs: 50, probe: true },
  }
  const freeze = { freezes: environment.freezes, overrideFreeze: false }
  const switchInput = {
    ...{ ...moveInput, ...freeze },
    ...{ color: null, skipSmoke: false, despiteAlerts: false },
  }
  const again = { deployInput: async () => deployInput }
  const shop: Shop = {
    world,
    config,
    commit(letter, services = names) {
      world.source.head = letter.repeat(40)
      for (const name of services) world.source.contents[`${name}/main.ts`] = `${name} ${letter}`
    },
    async deploy(over = {}, ports = {}) {
      const input = { ...deployInput, ...over }
      await build(world, input)
      await push(world, input)
      return deploy({ ...world, ...ports }, input)
    },
    smoke: (over = {}, ports = {}) => smoke({ ...world, ...ports }, { ...smokeInput, ...over }),
    switch: (over = {}, ports = {}) =>
      switchSlots({ ...world, ...ports }, { ...switchInput, ...over }),
    preview: {
      switch: (over = {}, ports = {}) =>
        previewSwitch({ ...world, ...ports }, { ...switchInput, ...over }),
      rollback: (over = {}, ports = {}) =>
        previewRollback({ ...world, ...ports }, { ...moveInput, to: null, ...over }),
    },
    rollback: (over = {}, ports = {}) =>
      rollback({ ...world, ...ports }, { ...moveInput, ...again, to: null, ...over }),
    resume: (over = {}, ports = {}) => resume({ ...world, ...ports }, { ...moveInput, ...over }),
    watch: (over = {}, ports = {}) =>
      watch(
        { ...world, ...ports },
        {
          ...{ config, watch: environment.watch, namespaceName: 'shop' },
          ...{ release: null, forMs: null, usualMs: 300_000, probe: true },
          goBack: (only, reason, services) => shop.rollback({ only, reason, services }, ports),
          ...over,
        },
      ),
    cleanup: (services = null, ports = {}, over = {}) =>
      cleanup(
        { ...world, ...ports },
        { services, reason: null, ...freeze, keep: null, now: false, timeoutMs: 20_000, ...over },
      ),
    release: (over = {}, ports = {}) =>
      release(
        { ...world, ...ports },
        {
          ...deployInput,
          ...{ namespaceName: 'shop', skipSmoke: false, despiteAlerts: false },
          ...{ switchTimeoutMs: 50, probe: true, ...over },
        },
      ),
    live(service) {
      const { slots, stable } = world.state.services[service] ?? {}
      const color = stable?.target?.color
      const slot = color && slots?.[color]
      return slot ? `${color} ${slot.version}` : null
    },
  }
  return shop
}

/** Its hooks, by their names. */
export const hookScripts: Record<HookName, string> = {
  ...{ 'pre-deploy': 'hooks/pre-deploy.mjs', 'post-deploy': 'hooks/post-deploy.mjs' },
  ...{ 'pre-switch': 'hooks/pre-switch.mjs', 'post-switch': 'hooks/post-switch.mjs' },
  ...{ 'post-rollback': 'hooks/post-rollback.mjs', 'on-failure': 'hooks/on-failure.mjs' },
}

/** The same shop, with all hooks from now on. */
export function withHookScripts(shop: Shop): Shop {
  const { hookSettings, source } = shop.world
  hookSettings.scripts = { ...hookScripts }
  for (const script of Object.values(hookScripts)) source.contents[script] = 'hook'
  return shop
}

/** A journal into which a process that is killed writes no end. */
export function dyingJournal({ journal }: World): JournalStore {
  return {
    ...journal,
    async end() {
      throw new Error('killed')
    },
  }
}

/** A driver of a process that is killed after it moved so many Services. */
export function dyingDriver({ driver }: World, moves: number): Driver {
  let left = moves
  return {
    ...driver,
    async movePointers(wanted, mover, signal) {
      const alive = wanted.slice(0, left)
      left -= alive.length
      await driver.movePointers(alive, mover, signal)
      throw new Error('killed')
    },
  }
}

/** What this rollback has put on hold may go live again. */
export async function freed({ world }: Shop, { held }: RolledBack): Promise<void> {
  const digests = held.map(({ side }) => side.digest)
  await releaseHold(world, { digests, reason: 'a test' })
}

/** Green serves since r-2, blue stands by. */
export async function releasedTwice(): Promise<Shop> {
  const shop = createShop()
  await shop.release()
  shop.commit('b')
  await shop.release()
  return shop
}

/** Of two Services one leads to green: the switch r-2 was killed half-way. */
export async function interruptedSwitch(): Promise<Shop> {
  const shop = createShop()
  const { world } = shop
  await shop.release()
  shop.commit('b')
  await shop.deploy()
  const killed = { driver: dyingDriver(world, 1), journal: dyingJournal(world) }
  await shop.switch({ skipSmoke: true }, killed).catch(() => {})
  return shop
}

/** Green serves since r-2. A deploy over blue fails, and the work tree is reverted. */
export async function failedOverWayBack(): Promise<Shop> {
  const shop = await releasedTwice()
  const { world } = shop
  const { source, faults } = world
  const tree = { head: source.head, contents: { ...source.contents } }
  shop.commit('c', ['order'])
  const ended = { exitCode: 37, reason: 'Error' }
  const waiting = { reason: 'CrashLoopBackOff', message: 'back-off 10s' }
  const containers = [{ name: 'order', restarts: 4, waiting, ended }]
  faults.rollout.order = {
    pods: [{ name: 'order-blue-1', ready: false, containers, complaints: [] }],
    job: null,
    version: 'cccccccc',
  }
  await shop.release({ services: ['order'] }).catch(() => {})
  Object.assign(source, tree)
  return shop
}
