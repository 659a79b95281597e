// What every environment does, the one in memory and one on a real cluster, port by port.
import { describe, expect, it } from 'vitest'
import type {
  Contents,
  Copy,
  Management,
  Namespace,
  Observer,
  Pods,
} from '../../src/release/ports/cluster.ts'
import type { Driver, PointerMove } from '../../src/release/ports/driver.ts'
import { mostOfAPiece, type Pieces } from '../../src/release/ports/pieces.ts'
import type { Target } from '../../src/release/slot.ts'
import type { Pointer } from '../../src/release/state.ts'
import { type JournalUnderTest, journalContract } from './journal-contract.ts'
import { type LockUnderTest, lockContract } from './lock-contract.ts'
import { blue, green } from './state.ts'

export interface ClusterUnderTest extends JournalUnderTest, LockUnderTest {
  observer: Observer
  driver: Pick<Driver, 'recorded' | 'movePointers' | 'confirm'>
  namespace: Namespace
  contents: Contents
  pieces: Pieces
  pods: Pods
  management: Management
}

const { signal } = new AbortController()

/** `make` gives an environment with the Services of `order`, which lead nowhere, and nothing else. */
export function clusterContract(make: () => Promise<ClusterUnderTest>): void {
  describe('observer and driver', () => pointerContract(make))
  describe('journal', () => journalContract(make))
  describe('lock', () => lockContract(make))
  describe('namespace', () => namespaceContract(make))
  describe('contents', () => contentsContract(make))
  describe('pieces', () => piecesContract(make))
  describe('pods and their management port', () => podsContract(make))
}

function pointerContract(make: () => Promise<ClusterUnderTest>): void {
  const pointerOf = async ({ observer }: ClusterUnderTest): Promise<Pointer> => {
    const pointer = await observer.pointer('order', 'stable')
    if (!pointer) throw new Error('the Service is missing')
    return pointer
  }
  const pointing = (to: Target | null, resourceVersion: string, release: string | null) => {
    const move: PointerMove = { service: 'order', which: 'stable', to, resourceVersion, release }
    return move
  }
  const point = async ({ driver }: ClusterUnderTest, ...moves: PointerMove[]): Promise<string[]> =>
    (await driver.movePointers(moves, 'switch', signal)).map((result) =>
      result.status === 'fulfilled' ? result.value : result.reason.code,
    )

  it('has Services that lead nowhere, no slot and nothing recorded at first', async () => {
    const { observer, driver } = await make()
    const { services, others } = await observer.services()
    expect(services.order).toMatchObject({
      slots: { blue: null, green: null },
      stable: { target: null, release: null },
      preview: { target: null, release: null },
    })
    expect(others).toEqual([])
    expect(await observer.podTemplate('order', 'blue')).toBeNull()
    expect(await observer.accessRules('order')).toBeNull()
    expect(await driver.recorded()).toEqual({})
  })

  it('points a Service to a slot and back to nowhere, with what was read in hand', async () => {
    const cluster = await make()
    const [next = ''] = await point(
      cluster,
      pointing(green, (await pointerOf(cluster)).resourceVersion, null),
    )
    expect(await pointerOf(cluster)).toEqual({
      target: green,
      resourceVersion: next,
      release: null,
    })
    await point(cluster, pointing(null, next, null))
    expect((await pointerOf(cluster)).target).toBeNull()
    const { services } = await cluster.observer.services()
    expect(services.order?.preview?.target).toBeNull()
  })

  it('notes the release that moves a Service', async () => {
    const cluster = await make()
    const { resourceVersion } = await pointerOf(cluster)
    const [next = ''] = await point(cluster, pointing(green, resourceVersion, 'r-41'))
    expect(await pointerOf(cluster)).toMatchObject({ target: green, release: 'r-41' })
    await point(cluster, pointing(blue, next, 'r-42'))
    expect(await pointerOf(cluster)).toMatchObject({ target: blue, release: 'r-42' })
  })

  it('writes again what a Service selects already, so that an older write is a conflict', async () => {
    const cluster = await make()
    const { resourceVersion: older } = await pointerOf(cluster)
    expect(await cluster.driver.confirm([pointing(null, older, 'r-41')], signal)).toBe(true)
    expect(await point(cluster, pointing(green, older, 'r-41'))).toEqual(['conflict'])
    expect(await pointerOf(cluster)).toMatchObject({ target: null, release: 'r-41' })
  })

  // Through git, the others are not moved either: the driver's own tests have that.
  it('lets no stale writer point a Service, and moves the others', async () => {
    const cluster = await make()
    const stale = (await pointerOf(cluster)).resourceVersion
    await point(cluster, pointing(green, stale, null))
    const preview = await cluster.observer.pointer('order', 'preview')
    const results = await point(cluster, pointing(blue, stale, null), {
      ...pointing(blue, preview?.resourceVersion ?? '', null),
      which: 'preview',
    })
    const moved = await cluster.observer.pointer('order', 'preview')
    expect(results).toEqual(['conflict', moved?.resourceVersion])
    expect(moved?.target).toEqual(blue)
    expect((await pointerOf(cluster)).target).toEqual(green)
  })
}

function namespaceContract(make: () => Promise<ClusterUnderTest>): void {
  it('is there, with a uid of its own that stays', async () => {
    const { namespace } = await make()
    const uid = await namespace.ensure()
    expect(uid).not.toBe('')
    expect(await namespace.ensure()).toBe(uid)
  })

  it('is labelled, after a trial that changes nothing', async () => {
    const { namespace } = await make()
    const labels = { 'pod-security.kubernetes.io/warn': 'baseline' }
    expect(await namespace.label(labels, { dryRun: true })).toEqual([])
    expect(await namespace.labels()).not.toMatchObject(labels)
    expect(await namespace.label(labels, { dryRun: false })).toEqual([])
    expect(await namespace.labels()).toMatchObject(labels)
  })

  it('adds to a Secret, and changes nothing in it', async () => {
    const { namespace } = await make()
    expect(await namespace.readSecret('order')).toBeNull()
    await namespace.addToSecret('order', { url: 'a' })
    await namespace.addToSecret('order', { url: 'b', key: 'c' })
    expect(await namespace.readSecret('order')).toEqual({ url: 'a', key: 'c' })
  })

  it('has no StatefulSet where there is none', async () => {
    const { namespace } = await make()
    expect(await namespace.statefulSet('postgres')).toBeNull()
    const waited = await namespace.awaitStatefulSet('postgres', { timeoutMs: 50, signal })
    expect(waited).toBe(false)
  })
}

function contentsContract(make: () => Promise<ClusterUnderTest>): void {
  it('has copies of a Secret that stay as they were, until nothing uses them', async () => {
    const { contents, namespace } = await make()
    const original = { kind: 'Secret', name: 'order' } as const
    expect(await contents.read(original)).toBeNull()
    await namespace.addToSecret('order', { url: 'a' })
    const content = await contents.read(original)
    expect(content).toEqual({ data: { url: 'YQ==' } })
    const id = { kind: 'Secret', name: 'order-blue-0123456789abcdef' } as const
    const copy: Copy = {
      ...id,
      of: 'order',
      service: 'order',
      color: 'blue',
      content: { data: {} },
    }
    expect(await contents.copy({ ...copy, content: content ?? { data: {} } })).toBe(true)
    expect(await contents.copy(copy)).toBe(false)
    expect(await contents.read(id)).toEqual(content)
    expect(await contents.sweep()).toEqual([])
    expect(await contents.read(id)).toBeNull()
    expect(await contents.read(original)).toEqual(content)
  })
}

function piecesContract(make: () => Promise<ClusterUnderTest>): void {
  it('has each piece as it was added first, until it is removed', async () => {
    const { pieces } = await make()
    const [one, other] = ['1', '2'].map((digit) => digit.repeat(64)) as [string, string]
    const content = Buffer.from([0, 255, 10])
    expect(await pieces.list()).toEqual([])
    expect(await pieces.read(one)).toBeNull()
    expect(await pieces.add({ hash: one, content })).toBe(true)
    expect(await pieces.add({ hash: one, content: Buffer.from('b') })).toBe(false)
    expect(await pieces.add({ hash: other, content })).toBe(true)
    expect((await pieces.list()).toSorted()).toEqual([one, other])
    const found = await pieces.read(one)
    expect(found && [...found.content]).toEqual([...content])
    await pieces.remove(one)
    await pieces.remove(one)
    expect(await pieces.list()).toEqual([other])
    await pieces.remove(other)
  })

  it('takes one that is as large as it may be', async () => {
    const { pieces } = await make()
    const piece = { hash: '3'.repeat(64), content: Buffer.alloc(mostOfAPiece, 7) }
    expect(await pieces.add(piece)).toBe(true)
    expect((await pieces.read(piece.hash))?.content.length).toBe(mostOfAPiece)
    await pieces.remove(piece.hash)
  })
}

function podsContract(make: () => Promise<ClusterUnderTest>): void {
  const gone = 'order-green-b-9'
  const slot = { service: 'order', ...green }
  const short = { timeoutMs: 50, signal }

  it('has no pods and no endpoints where there are none', async () => {
    const { pods, management } = await make()
    expect(await pods.list('order', green)).toEqual([])
    expect(await pods.selected('order', green)).toEqual([])
    expect(pods.reports('order')).toBe(true)
    expect(await pods.report('order', gone)).toBeNull()
    expect(await management.ask('order', gone, 'GET', '/accounting', signal)).toBeNull()
    for (const which of ['stable', 'preview'] as const) {
      const count = (ready: string[]) => ready.length
      const options = { timeoutMs: 3_000, signal }
      expect(await pods.awaitEndpoints('order', which, count, options)).toBe(0)
    }
  })

  it('knows the paths that shopctl.yaml names', async () => {
    const { management } = await make()
    expect(management.path('order', 'messages')).toBe('/messages')
    expect(management.path('order', 'accounting')).toBe('/accounting')
  })

  it('sees a slot that is not there as nothing, and its pods as gone', async () => {
    const { pods } = await make()
    const rest = { unavailableSince: null, pods: [], complaints: [], ending: 0, job: null }
    const seen = { slot: null, ...rest }
    const options = { timeoutMs: 3_000, signal }
    expect(await pods.awaitRollout(slot, (rollout) => rollout, options)).toEqual(seen)
    expect(await pods.rollout(slot)).toEqual(seen)
    const ends = await pods.awaitEnd(slot, [gone], options)
    expect(ends.map(({ pod }) => pod)).toEqual([gone])
  })

  it('stops waiting when the time is up', async () => {
    const { pods } = await make()
    expect(await pods.awaitEndpoints('order', 'stable', () => null, short)).toBeNull()
    expect(await pods.awaitRollout(slot, () => null, short)).toBeNull()
  })

  it('stops waiting when the signal aborts', async () => {
    const { pods } = await make()
    const options = { timeoutMs: 3_000, signal: AbortSignal.abort() }
    const waiting = pods.awaitEndpoints('order', 'stable', () => null, options)
    await expect(waiting).rejects.toMatchObject({ code: 'interrupted' })
    await expect(pods.awaitRollout(slot, () => null, options)).rejects.toMatchObject({
      code: 'interrupted',
    })
  })
}
