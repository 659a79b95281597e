// An environment with a config repo and Argo CD, all in memory, and the real driver over them.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { Applications } from '../../../src/adapters/kubernetes/applications.ts'
import { createObserver } from '../../../src/adapters/kubernetes/observer.ts'
import { createScaling } from '../../../src/adapters/kubernetes/scaling.ts'
import { createSlotObjects } from '../../../src/adapters/kubernetes/slots.ts'
import { changesOf } from '../../../src/drivers/gitops/changes.ts'
import { createCommits } from '../../../src/drivers/gitops/commits.ts'
import { createGitopsDriver, type GitopsDriverDeps } from '../../../src/drivers/gitops/driver.ts'
import { servicesFolder, slotFolder } from '../../../src/drivers/gitops/layout.ts'
import { stateOf } from '../../../src/drivers/gitops/read.ts'
import type { Observer, Which } from '../../../src/release/ports/cluster.ts'
import type {
  Charts,
  Driver,
  Manifest,
  PointerMove,
  SlotWrite,
} from '../../../src/release/ports/driver.ts'
import type { Operation } from '../../../src/release/record.ts'
import { type Color, colors, slotName, type Target } from '../../../src/release/slot.ts'
import { createFakeArgo, type FakeArgo } from '../../fakes/argocd.ts'
import { deploymentPath, servicePath } from '../../fakes/argocd-objects.ts'
import {
  applied,
  createFakeConfigRepo,
  type FakeConfigRepo,
  type Files,
} from '../../fakes/config-repo.ts'
import {
  createFakeClock,
  createFakeProgress,
  type FakeProgress,
  operator,
} from '../../fakes/host.ts'
import { createFakeApi, type FakeApi } from '../../fakes/kubernetes-api.ts'
import { aJournal } from '../../fakes/state.ts'
import { aSlot, charts, sharedChart, treeOf } from './tree.ts'

export const names = ['order', 'payment'] as const
export const blue: Target = { color: 'blue', revision: 'aaaaaaaaaa' }
export const green: Target = { color: 'green', revision: 'bbbbbbbbbb' }

/** The lock is held. */
export const held = new AbortController().signal

/** Blue is live since r-1, green was deployed. */
const waiting: Files = filesOf({ stable: blue, preview: green })

function filesOf({ stable, preview }: Record<Which, Target>): Files {
  const none: Files = new Map()
  const slots = names.flatMap((service) =>
    [blue, green].map(({ color, revision }) => aSlot(service, color, { revision })),
  )
  const moves = names.flatMap((service) => [
    { service, which: 'stable' as const, to: stable, release: 'r-1' },
    { service, which: 'preview' as const, to: preview, release: null },
  ])
  return applied(none, changesOf(treeOf(none), { slots, sharedChart, moves }))
}

/** A call of a port. Tests run something before or after it, or instead of it. */
export type Around = (name: string, run: () => unknown) => unknown

export interface Scene {
  /** Values files on this machine, by their absolute path. All others have the same text. */
  texts: Record<string, string>
  repo: FakeConfigRepo
  argo: FakeArgo
  api: FakeApi
  observer: Observer
  progress: FakeProgress
  clock: ReturnType<typeof createFakeClock>
  /** Each is another process. */
  driver(around?: Around, signal?: AbortSignal): Driver
  pointer(service: string, which?: Which): Promise<PointerMove['to']>
  /** A move of the Services as they are now. */
  moves(to: Target | null, release: string | null, which?: Which): Promise<PointerMove[]>
  /** What git says, as `order stable green`. */
  inGit(): string[]
  /** What the cluster says. */
  inCluster(): string[]
  /** All that the Services have selected so far, the live ones only. */
  seen: string[]
  /** Subjects of the commits since the start. */
  subjects(): string[]
  /** What the journal has. */
  closed: Operation[]
}

export interface Given {
  files?: Files
  limitSeconds?: number
}

export function createScene({ files = waiting, limitSeconds = 30 }: Given = {}): Scene {
  const repo = createFakeConfigRepo(files)
  const clock = createFakeClock()
  const api = createFakeApi(clock.monotonic)
  const progress = createFakeProgress()
  const seen: string[] = []
  const look = (): void => {
    const now = inCluster('stable').join(', ')
    if (seen.at(-1) !== now) seen.push(now)
  }
  const argo = createFakeArgo({
    ...{ repo, api, clock, namespace: 'shop', stepped: look },
    applications: {
      'shop.local.services': servicesFolder('local'),
      ...Object.fromEntries(
        names.flatMap((service) =>
          colors.map((color) => [
            `shop.local.${slotName(service, color)}`,
            slotFolder('local', service, color),
          ]),
        ),
      ),
    },
  })
  const inCluster = (...which: Which[]): string[] =>
    names.flatMap((service) =>
      which.map((each) => {
        const name = each === 'stable' ? service : `${service}-preview`
        const spec = api.objects.get(servicePath('shop', name))?.spec
        const { selector = {} } = (spec ?? {}) as { selector?: Record<string, string> }
        return `${service} ${each} ${selector['shopctl.dev/color'] ?? 'nothing'}`
      }),
    )
  argo.settle()
  const first = repo.head().commit
  seen.splice(0, seen.length - 1)
  const observer = createObserver(api, 'shop', names)
  const scene: Scene = {
    texts: {},
    ...{ repo, argo, api, observer, progress, clock, seen, closed: [] },
    driver(around = (_, run) => run(), signal = new AbortController().signal) {
      const ports = portsOf(scene, around, look)
      return createGitopsDriver({
        ...{ ...ports, clock, progress, signal, env: 'local', root: charts, services: names },
        ...{ url: 'http://git/config', branch: 'main', system: 'shop', argoNamespace: 'argocd' },
        ...{ limit: { seconds: limitSeconds, setting: '`timeouts.sync`' } },
        commits: createCommits(ports.repo, 'local', { ...operator, progress }),
        charts: ports.charts,
        journal: { read: async () => aJournal({ closed: scene.closed }) },
        readText: async (file) => scene.texts[file] ?? 'config:\n  LEVEL: info\n',
        helm: {
          recorded: async () => ({ postgres: { finished: true, marks: {} } }),
          install: async () => {},
        },
      })
    },
    pointer: async (service, which = 'stable') =>
      (await observer.pointer(service, which))?.target ?? null,
    moves: (to, release, which = 'stable') =>
      Promise.all(
        names.map(async (service) => {
          const { resourceVersion = '' } = (await observer.pointer(service, which)) ?? {}
          return { service, which, to, resourceVersion, release }
        }),
      ),
    inGit() {
      const { services } = stateOf(treeOf(repo.head().files))
      return names.flatMap((service) =>
        (['stable', 'preview'] as const).map(
          (which) => `${service} ${which} ${services[service]?.[which]?.color ?? 'none'}`,
        ),
      )
    },
    inCluster: () => inCluster('stable', 'preview'),
    subjects: () => {
      const all = repo.history()
      const from = all.findIndex(({ commit }) => commit === first)
      return all.slice(from + 1).map(({ message }) => message.split('\n', 1)[0] ?? '')
    },
  }
  return scene
}

type Ports = Pick<GitopsDriverDeps, 'charts' | 'objects' | 'observer' | 'scaling'> & {
  applications: Applications
  repo: FakeConfigRepo
}

/** Every call of a port goes through `around`, also of one that is added later. */
function portsOf({ api, argo, repo }: Scene, around: Around, look: () => void): Ports {
  const watched = <T extends object>(port: T, title: string): T =>
    new Proxy(port, {
      get(target, name, receiver) {
        const value = Reflect.get(target, name, receiver)
        if (typeof value !== 'function') return value
        return async (...args: unknown[]) => {
          const result = await around(`${title}.${String(name)}`, () => value.apply(target, args))
          look()
          return result
        }
      },
    })
  return {
    applications: watched(argo, 'argo'),
    repo: watched(repo, 'repo'),
    objects: watched(
      createSlotObjects(api, 'shop', () => new Date(0)),
      'objects',
    ),
    observer: watched(createObserver(api, 'shop', names), 'observer'),
    scaling: watched(createScaling(api, 'shop'), 'scaling'),
    charts: watched(
      {
        render: async ({ name, chart, values }) =>
          rendered(name, 'shopctl' in values ? values : await valuesIn(chart)),
      } as Charts,
      'charts',
    ),
  }
}

/** Of the one chart that is part of a folder of the config repo. */
async function valuesIn(folder: string): Promise<SlotWrite['values']> {
  return parse(await readFile(join(folder, 'values.yaml'), 'utf8'))['shop-slot']
}

function rendered(name: string, values: SlotWrite['values']): Manifest[] {
  const { replicas, autoscaling } = values as {
    replicas?: number
    autoscaling?: Record<string, number>
  }
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { replicas },
  }
  const spec = { minReplicas: autoscaling?.min, maxReplicas: autoscaling?.max }
  const autoscaler = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name },
    spec,
  }
  return autoscaling ? [deployment, autoscaler] : [deployment]
}

/** What a deploy writes. */
export function aWrite(
  service: string,
  color: Color,
  revision: string,
  {
    values = {},
    atLeast = 0,
    declared = null,
    shared = null,
  }: Partial<Pick<SlotWrite, 'values' | 'atLeast' | 'declared' | 'shared'>> = {},
): SlotWrite {
  const image = `registry.example/shop/${service}@sha256:${revision.padEnd(64, '0')}`
  const shopctl = {
    system: 'shop',
    service,
    color,
    image,
    version: `v-${revision}`,
    revision,
    secrets: {},
  }
  return {
    ...{ name: slotName(service, color), service, color, atLeast, declared, shared },
    ...{ chart: 'shop-slot', valuesFiles: ['values.yaml'], values: { ...values, shopctl } },
    marks: { revision, checked: 'c0ffee' },
  }
}

export function outcomes(results: readonly PromiseSettledResult<unknown>[]): unknown[] {
  return results.map((each) =>
    each.status === 'fulfilled' ? each.value : (each.reason.code ?? each.reason.message),
  )
}

/** Revision and number of pods of a slot. */
export function standing({ api }: Scene, slot: string): string | null {
  const spec = api.objects.get(deploymentPath('shop', slot))?.spec as
    | { replicas: number; template: { metadata: { labels: Record<string, string> } } }
    | undefined
  return spec ? `${spec.template.metadata.labels['shopctl.dev/revision']} ${spec.replicas}` : null
}
