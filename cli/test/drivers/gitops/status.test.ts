// What `shopctl status` says of Argo CD and of the config repo.
import { beforeEach, describe, expect, it } from 'vitest'
import { createCommits } from '../../../src/drivers/gitops/commits.ts'
import { createGitopsTools } from '../../../src/drivers/gitops/gitops.ts'
import { failed, refused } from '../../../src/errors.ts'
import { operator } from '../../fakes/host.ts'
import { blue, createScene, green, held, names, type Scene } from './scene.ts'

let scene: Scene
let first: string

/** Green is live since r-2. */
beforeEach(async () => {
  scene = createScene()
  first = scene.repo.head().commit
  await scene.driver().movePointers(await scene.moves(green, 'r-2'), 'switch', held)
  scene.argo.settle()
})

function problems(signal = new AbortController().signal) {
  const { repo, argo, api, observer, progress } = scene
  return createGitopsTools({
    ...{ system: 'shop', env: 'local', services: names, namespace: 'shop' },
    ...{ argoNamespace: 'argocd', url: 'http://git/config.git', branch: 'main', signal },
    ...{ repo, api, observer, applications: argo },
    commits: createCommits(repo, 'local', { ...operator, progress }),
  }).problems()
}

it('is nothing at rest', async () => {
  expect(await problems()).toEqual([])
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
    scene.repo.faults.fetch = failed({ code: 'x', message: 'away' })
    expect(await problems()).toEqual([expect.stringContaining('r-3 did without git')])
  })
})

describe('a config repo that cannot be read', () => {
  it.each([
    failed({ code: 'config-repo-unreachable', message: 'git.example cannot be reached' }),
    refused({ code: 'bad-config-repo', message: 'a.yaml:1:1: no' }),
  ])('is said, and status goes on', async (error) => {
    scene.repo.faults.fetch = error
    scene.argo.list = () => Promise.reject(new Error('no such kind'))
    expect(await problems()).toEqual([
      'the Applications cannot be read: no such kind',
      `the config repo cannot be read: ${error.message}`,
    ])
  })

  it('ends with the command', async () => {
    const controller = new AbortController()
    controller.abort()
    await expect(problems(controller.signal)).rejects.toMatchObject({ code: 'interrupted' })
  })
})
