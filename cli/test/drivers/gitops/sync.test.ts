// What shopctl concludes from an Application of Argo CD while it takes up a commit.
import { describe, expect, it } from 'vitest'
import {
  type Application,
  type Applications,
  applicationOf,
} from '../../../src/adapters/kubernetes/applications.ts'
import {
  awaitCompared,
  awaitIdle,
  awaitSynced,
  awaitTakenUp,
  endOthers,
} from '../../../src/drivers/gitops/sync.ts'
import { refused } from '../../../src/errors.ts'

const quiet: Application = applicationOf({
  metadata: { name: 'shop.local.services' },
  status: { sync: { status: 'Synced', revision: 'a' }, health: { status: 'Healthy' } },
})
const ours = { commit: 'b', isKept: async (later: string) => later === 'b+' }

/** Shows one state after the other, each for a second, and the last one for good. */
function scene(...states: (Application | null)[]) {
  let now = 0
  let waits = 0
  const calls: string[] = []
  const call = async (text: string): Promise<void> => void calls.push(text)
  const seen = (): Application[] => {
    const state = states[Math.min(now / 1_000, states.length - 1)] ?? null
    return state ? [state] : []
  }
  const applications: Applications = {
    list: async () => seen(),
    async await(judge, { timeoutMs }) {
      waits += 1
      for (const end = now + timeoutMs; now < end; now += 1_000) {
        const found = judge(seen())
        if (found !== null) return found
      }
      return null
    },
    refresh: () => call('refresh'),
    terminate: () => call('terminate'),
    sync: () => call('sync'),
    setAutomatic: () => call('automatic'),
  }
  const ports = {
    applications,
    clock: { now: () => new Date(now), monotonic: () => now, sleep: async () => {} },
    signal: new AbortController().signal,
    limit: { seconds: 30, setting: '`timeouts.helm`' },
    argoNamespace: 'gitops',
  }
  return { ports, calls, took: () => now / 1_000, waits: () => waits }
}

const running = (revision: string, phase: 'Running' | 'Failed' | 'Succeeded' = 'Running') => ({
  ...{ phase, message: 'one or more objects failed to apply', revision },
  problems: phase === 'Failed' ? ['Deployment order-green: exceeded quota'] : [],
})
const app = (fields: Partial<Application>): Application => ({ ...quiet, ...fields })
const busy = app({ busy: true, operation: running('a') })
const outOfSync = app({ compared: 'b', sync: 'OutOfSync' })
const synced = app({ compared: 'b' })

describe('an Application', () => {
  it.each<[string, object, Partial<Application>]>([
    ['that was just made', {}, { sync: 'Unknown', compared: null, busy: false, operation: null }],
    ['that was never compared', {}, { comparedAt: null }],
    [
      'that was compared',
      { status: { reconciledAt: '2026-01-01T12:00:00Z' } },
      { comparedAt: '2026-01-01T12:00:00Z' },
    ],
    [
      'that is about to sync',
      { operation: { sync: { revision: 'b' } }, status: { operationState: { phase: 'Failed' } } },
      { busy: true, operation: { phase: 'Pending', message: '', revision: 'b', problems: [] } },
    ],
    [
      'that does not sync by itself',
      { spec: { syncPolicy: { automated: { enabled: false, selfHeal: true, prune: true } } } },
      { automatic: { sync: false, selfHeal: false, prune: false } },
    ],
    [
      'with an error and a warning',
      {
        status: {
          conditions: [
            { type: 'ComparisonError', message: 'no such path' },
            { type: 'SharedResourceWarning', message: '-' },
          ],
        },
      },
      { complaints: ['no such path'] },
    ],
    [
      'that could not sync',
      {
        status: {
          operationState: {
            ...{ phase: 'Failed', message: 'two failed', operation: { sync: { revision: 'b' } } },
            syncResult: {
              resources: [
                { kind: 'Deployment', name: 'a', status: 'SyncFailed', message: 'denied' },
                { kind: 'Job', name: 'b', status: 'Synced', hookPhase: 'Failed', message: 'limit' },
                { kind: 'Service', name: 'c', status: 'Synced', message: 'configured' },
              ],
            },
          },
        },
      },
      {
        operation: {
          ...{ phase: 'Failed', message: 'two failed', revision: 'b' },
          problems: ['Deployment a: denied', 'Job b: limit'],
        },
      },
    ],
  ])('%s', (_, stored, expected) => expect(applicationOf(stored)).toMatchObject(expected))
})

describe('the wait until no operation runs', () => {
  it.each<[string, (Application | null)[], string[], number]>([
    ['is none', [quiet], [], 0],
    ['is one for a short operation', [busy, busy, quiet], [], 2],
    ['ends a long one', [...new Array(6).fill(busy), quiet], ['terminate'], 6],
  ])('%s', async (_, states, calls, seconds) => {
    const { ports, took, ...seen } = scene(...states)
    await awaitIdle(ports, quiet.name)
    expect([seen.calls, took()]).toEqual([calls, seconds])
  })

  const another = app({ busy: true, operation: running('b') })
  const later = app({ busy: true, operation: running('b+') })
  it.each<[string, (Application | null)[], string[], number]>([
    ['is none for one of the commit', [another], [], 0],
    ['is none for a later one that keeps its files', [later], [], 0],
    [
      'is one for a later one that does not',
      [app({ busy: true, operation: running('c') }), quiet],
      [],
      1,
    ],
    ['is one for an earlier one', [busy, another], [], 1],
    ['is one for one that has not begun', [app({ busy: true }), another], [], 1],
    ['ends a long earlier one', [...new Array(6).fill(busy), another], ['terminate'], 6],
  ])('of other commits %s', async (_, states, calls, seconds) => {
    const { ports, took, ...seen } = scene(...states)
    await awaitIdle(ports, quiet.name, ours)
    expect([seen.calls, took()]).toEqual([calls, seconds])
  })

  it('has an end', async () => {
    const { ports } = scene(busy)
    await expect(awaitIdle(ports, quiet.name)).rejects.toMatchObject({ code: 'argocd-late' })
  })
})

describe('another operation', () => {
  const pending = (revision: string) =>
    app({ busy: true, operation: { ...running(revision), phase: 'Pending' } })
  const another = app({ busy: true, operation: running('b') })
  it.each<[string, (Application | null)[], string[], number]>([
    ['that is none stays', [quiet], [], 0],
    ['that is of the commit stays', [another], [], 0],
    [
      'that is of a later one that keeps its files stays',
      [app({ ...another, operation: running('b+') })],
      [],
      0,
    ],
    ['that has not begun, and is of such a one, stays', [pending('b+')], [], 0],
    ['that has not begun, and is of the commit, stays', [pending('b')], [], 0],
    ['that has not begun is replaced', [pending('a')], ['sync'], 0],
    ['that runs is ended, and its end awaited', [busy, busy, busy, quiet], ['terminate'], 3],
    ['that runs may be followed by one more', [busy, pending('a')], ['terminate', 'sync'], 1],
  ])('%s', async (_, states, calls, seconds) => {
    const { ports, took, ...seen } = scene(...states)
    await endOthers(ports, quiet.name, ours)
    expect([seen.calls, took()]).toEqual([calls, seconds])
  })

  it('is awaited for a short time only', async () => {
    const { ports, took } = scene(busy)
    const message = expect.stringContaining('more than 5 s')
    const ending = endOthers(ports, quiet.name, ours)
    await expect(ending).rejects.toMatchObject({ code: 'argocd-late', message })
    expect(took()).toBe(5)
  })
})

describe('the wait for the comparison', () => {
  it.each<[string, (Application | null)[], number]>([
    ['with the commit', [quiet, outOfSync], 1],
    ['with a later one that keeps its files', [quiet, app({ compared: 'b+' })], 1],
    ['with it after others', [quiet, app({ compared: 'c' }), synced], 2],
  ])('ends %s', async (_, states, seconds) => {
    const { ports, calls, took } = scene(...states)
    await awaitCompared(ports, quiet.name, ours)
    expect([calls, took()]).toEqual([['refresh'], seconds])
  })
})

describe('the wait until the commit is taken up', () => {
  const old = app({ compared: 'b', busy: true, operation: running('a') })
  const own = app({ compared: 'b', busy: true, operation: running('b') })
  it.each<[string, (Application | null)[], number, number]>([
    ['is one wait if no operation runs', [quiet, synced], 1, 1],
    ['is one wait if an operation of the commit runs', [quiet, own], 1, 1],
    ['goes on for another operation', [quiet, old, old, synced], 3, 3],
  ])('%s', async (_, states, seconds, count) => {
    const { ports, calls, took, waits } = scene(...states)
    await awaitTakenUp(ports, quiet.name, { ...ours, before: 'a' })
    expect([calls, took(), waits()]).toEqual([['refresh'], seconds, count])
  })
})

it('a refusal after the commit is a failure', async () => {
  const no = refused({ code: 'not-allowed', message: 'no' })
  const isKept = () => Promise.reject(no)
  const { ports } = scene(quiet)
  const failure = { code: 'not-allowed', exitCode: 1 }
  const taken = { commit: 'b', isKept }
  await expect(awaitCompared(ports, quiet.name, taken)).rejects.toMatchObject(failure)
  await expect(awaitSynced(ports, quiet.name, taken)).rejects.toMatchObject(failure)
  const denying = { ...ports.applications, refresh: isKept }
  const denied = awaitCompared({ ...ports, applications: denying }, quiet.name, ours)
  await expect(denied).rejects.toMatchObject(failure)
})

describe('the wait for the sync', () => {
  it.each<[string, (Application | null)[], number]>([
    ['where nothing was to do', [synced], 0],
    ['after it', [outOfSync, app({ ...outOfSync, busy: true }), synced], 2],
    [
      'although an earlier commit failed',
      [app({ ...outOfSync, operation: running('a', 'Failed') }), synced],
      1,
    ],
  ])('ends %s', async (_, states, seconds) => {
    const { ports, took } = scene(...states)
    await awaitSynced(ports, quiet.name, ours)
    expect(took()).toBe(seconds)
  })

  const wrong = app({ complaints: ['Chart.yaml is missing'] })
  it.each<[string, (Application | null)[], string, string]>([
    [
      'of this commit failed',
      [app({ ...outOfSync, operation: running('b', 'Failed') })],
      ...(['sync-failed', 'exceeded quota'] as const),
    ],
    ['does not begin', [outOfSync], 'sync-not-begun', 'is OutOfSync'],
    ['cannot be prepared', [wrong], 'argocd-error', 'Chart.yaml is missing'],
    ['takes too long', [app({ ...outOfSync, busy: true })], 'argocd-late', 'more than 30 s'],
    ['is of nothing', [synced, null].slice(1), 'application-missing', 'shop.local.services'],
  ])('says when one %s', async (_, states, code, words) => {
    const { ports } = scene(...states)
    const expected = { code, message: expect.stringContaining(words) }
    await expect(awaitSynced(ports, quiet.name, ours)).rejects.toMatchObject(expected)
  })

  it('names the namespace of Argo CD, where a sync window may be closed', async () => {
    const hint = expect.stringContaining('get appproject --namespace gitops ')
    const { ports } = scene(outOfSync)
    await expect(awaitSynced(ports, quiet.name, ours)).rejects.toMatchObject({ hint })
  })

  it('lets a complaint pass', async () => {
    const { ports } = scene(wrong, wrong, synced)
    await awaitSynced(ports, quiet.name, ours)
  })
})
