// What `shopctl status` says of Argo CD and of the config repo.
import { beforeEach, describe, expect, it } from 'vitest'
import type { Application, SyncOperation } from '../../../src/adapters/kubernetes/applications.ts'
import { createCommits } from '../../../src/drivers/gitops/commits.ts'
import { gitopsProblems, gitopsStatus } from '../../../src/drivers/gitops/status.ts'
import { failed, interrupted, refused } from '../../../src/errors.ts'
import { operator } from '../../fakes/host.ts'
import { blue, createScene, green, held, names, type Scene } from './scene.ts'

const name = 'shop.local.order-blue'
const anOperation = (phase: SyncOperation['phase'], found: string[] = []): SyncOperation => ({
  ...{ phase, message: 'one of two', revision: 'a', problems: found },
})

let scene: Scene
let first: string

/** Green is live since r-2. */
beforeEach(async () => {
  scene = createScene()
  first = scene.repo.head().commit
  await scene.driver().movePointers(await scene.moves(green, 'r-2'), 'switch', held)
  scene.argo.settle()
})

function portsOf(signal = new AbortController().signal) {
  const { repo, argo, observer, progress } = scene
  return {
    ...{ system: 'shop', env: 'local', services: names, namespace: 'shop' },
    ...{ argoNamespace: 'argocd', url: 'http://git/config.git', branch: 'main', signal },
    ...{ repo, observer, applications: argo },
    commits: createCommits(repo, 'local', { ...operator, progress }),
  }
}

function status(signal?: AbortSignal, gitMs = 5_000) {
  return gitopsStatus(portsOf(signal), gitMs)
}

async function problems(signal?: AbortSignal): Promise<string[]> {
  return (await status(signal)).problems
}

/** Counts how often the server is asked. */
function countFetches(): { count: number } {
  const fetches = { count: 0 }
  const { fetch } = scene.repo
  scene.repo.fetch = (...args) => {
    fetches.count += 1
    return fetch(...args)
  }
  return fetches
}

it('is nothing at rest, and asks the server of git once', async () => {
  const fetches = countFetches()
  expect(await status()).toEqual({ problems: [], byHand: [] })
  expect(fetches.count).toBe(1)
})

describe('a Service that git says otherwise of', () => {
  it('is named, with both', async () => {
    scene.repo.force(first)
    expect(await problems()).toEqual(
      names.map((name) =>
        expect.stringMatching(
          `^${name}: git says blue \\(.*r-1\\), the cluster green \\(.*r-2\\)$`,
        ),
      ),
    )
    expect(scene.progress.lines).toEqual([expect.stringContaining('has rewritten the branch')])
  })

  it('is none in an emergency, in which git is not asked', async () => {
    await scene.driver().movePointers(await scene.moves(blue, 'r-3'), 'emergency', held)
    const fetches = countFetches()
    expect(await status()).toEqual({
      problems: [expect.stringContaining('r-3 did without git')],
      byHand: null,
    })
    expect(fetches.count).toBe(0)
  })
})

describe('a config repo that cannot be read', () => {
  it.each([
    failed({ code: 'config-repo-unreachable', message: 'git.example cannot be reached' }),
    refused({ code: 'bad-config-repo', message: 'a.yaml:1:1: no' }),
  ])('is said, and status goes on', async (error) => {
    scene.repo.faults.fetch = error
    scene.argo.list = () => Promise.reject(new Error('no such kind'))
    expect(await status()).toEqual({
      problems: [
        'the Applications cannot be read: no such kind',
        `the config repo cannot be read: ${error.message}`,
      ],
      byHand: null,
    })
  })

  it('is said beside what git says otherwise, if only its log cannot be read', async () => {
    scene.repo.force(first)
    scene.repo.log = () => Promise.reject(failed({ code: 'x', message: 'away' }))
    expect(await status()).toEqual({
      problems: [
        ...names.map((name) => expect.stringContaining(`${name}: git says blue`)),
        'the config repo cannot be read: away',
      ],
      byHand: null,
    })
  })

  it('is waited for a short time only', async () => {
    scene.repo.fetch = hanging
    expect((await status(undefined, 10)).problems).toEqual([
      'the config repo cannot be read: no answer within 0.01 s',
    ])
  })

  it('ends with the command', async () => {
    const controller = new AbortController()
    controller.abort()
    await expect(problems(controller.signal)).rejects.toMatchObject({ code: 'interrupted' })
  })

  it('ends with the command while git is waited for', async () => {
    scene.repo.fetch = hanging
    const controller = new AbortController()
    const waiting = status(controller.signal)
    controller.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'interrupted' })
  })

  it('ends with the command while its log is waited for', async () => {
    const controller = new AbortController()
    scene.repo.log = (_commit, _paths, _limit, signal) => {
      controller.abort()
      return hanging(undefined, signal)
    }
    await expect(status(controller.signal)).rejects.toMatchObject({ code: 'interrupted' })
  })
})

function hanging(_?: string, signal?: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = (): void => reject(interrupted())
    if (signal?.aborted) end()
    signal?.addEventListener('abort', end)
  })
}

it.each<[string, Partial<Application>, string]>([
  [
    'what the cluster refused, not that something was',
    { complaints: ['failed last sync'], operation: anOperation('Failed', ['Job a: denied']) },
    'Job a: denied',
  ],
  ['what a sync waits for', { busy: true, operation: anOperation('Running') }, 'one of two'],
  ['that it does nothing', { operation: anOperation('Succeeded') }, ''],
])('of an Application that is not synced it says %s', async (_, changes, text) => {
  const { list } = scene.argo
  scene.argo.list = async () =>
    (await list()).map((each) =>
      each.name === name ? { ...each, sync: 'OutOfSync', ...changes } : each,
    )
  expect(await problems()).toEqual([text ? `${name}: ${text}` : `${name} is OutOfSync`])
})

it('a problem names its slot and its Application, or its Service', async () => {
  const { list } = scene.argo
  const refused = { sync: 'OutOfSync' as const, operation: anOperation('Failed', ['Job a: no']) }
  scene.argo.list = async () =>
    (await list()).map((each) => (each.name === name ? { ...each, ...refused } : each))
  const [service = ''] = names
  scene.repo.force(first)
  const { problems: found } = await gitopsProblems(portsOf())
  expect(found.slice(0, 2)).toEqual([
    {
      ...{ kind: 'wrong', what: `${name}: Job a: no` },
      ...{ service: 'order', color: 'blue', application: name },
    },
    {
      ...{ kind: 'wrong', what: expect.stringContaining('git says') },
      ...{ service, color: null, application: null },
    },
  ])
  scene.argo.list = () => Promise.reject(new Error('no'))
  expect((await gitopsProblems(portsOf())).problems[0]).toMatchObject({ kind: 'unread' })
})
