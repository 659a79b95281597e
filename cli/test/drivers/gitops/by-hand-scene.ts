// A config repo that people change by hand, beside shopctl.
import { createCommits } from '../../../src/drivers/gitops/commits.ts'
import { createGitopsTools, type Gitops } from '../../../src/drivers/gitops/gitops.ts'
import { operator } from '../../fakes/host.ts'
import { createScene, green, held, names, type Scene } from './scene.ts'

export const jane = 'Jane <jane@example.com>'
export const all = { limit: 9, others: [], services: null }
export const services = 'local/services/values.yaml'
export const greenSlot = 'local/order/green/values.yaml'

export interface ByHandScene extends Scene {
  tools: Gitops
  /** Jane edits a file. Returns her commit. */
  edit(path: string, change: (text: string) => string, message?: string): string
  /** shopctl makes green live. */
  switchAll(): Promise<void>
}

export function createByHandScene(): ByHandScene {
  const scene = createScene()
  const { repo, api, argo, observer, progress } = scene
  const tools = createGitopsTools({
    ...{ system: 'shop', env: 'local', services: names, namespace: 'shop' },
    ...{ argoNamespace: 'argocd', url: 'http://git/config.git', branch: 'main' },
    ...{ repo, api, applications: argo, observer, signal: held },
    commits: createCommits(repo, 'local', { ...operator, progress }),
  })
  return {
    ...scene,
    tools,
    edit(path, change, message = 'By hand\n') {
      const text = String(repo.head().files.get(path))
      const changed = change(text)
      if (changed === text) throw new Error(`${path} is the same`)
      return repo.someone({ [path]: changed }, message)
    },
    async switchAll() {
      await scene.driver().movePointers(await scene.moves(green, 'r-2'), 'switch', held)
      argo.settle()
    },
  }
}

export const flip = (text: string): string => text.replace('color: blue', 'color: green')
export const digest = (text: string): string =>
  text.replace(/sha256:b+0+/, `sha256:${'f'.repeat(64)}`)
