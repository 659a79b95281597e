// An API server that sees what shopctl and its helm write, and a command that is killed at one of these writes.
import type { IncomingMessage } from 'node:http'
import { startApiProxy } from '../real/api-proxy.ts'
import { platformEnv, startShopctl } from '../real/shop.ts'

export type When = 'before' | 'after'

/** The `nth` write of this kind, from 0. */
export interface Point {
  /** `PATCH services` */
  kind: string
  nth: number
  when: When
}

export interface Ended {
  isKilled: boolean
  exitCode: number | null
  stderr: string
  /** Kinds of its writes, in their order. */
  writes: string[]
}

export interface KillingApi {
  /** For commands that live. */
  env: Record<string, string>
  /** Runs shopctl. At `point`, it and the helm that it has started are killed. null: it lives. */
  run(args: readonly string[], cwd: string, point: Point | null): Promise<Ended>
  close(): Promise<void>
}

/** null: it writes no object. What is sent to a pod is no object. */
function kindOf({ method = 'GET', url = '' }: IncomingMessage): string | null {
  if (method === 'GET' || url.includes('/proxy/')) return null
  const [path = ''] = url.split('?')
  const [, resource, , sub] =
    /\/(?:api\/v1|apis\/[^/]+\/[^/]+)(?:\/namespaces\/[^/]+(?=\/))?\/([^/]+)(\/[^/]+)?(\/[^/]+)?$/.exec(
      path,
    ) ?? []
  // Reviews are questions.
  return resource && !resource.endsWith('reviews') ? `${method} ${resource}${sub ?? ''}` : null
}

export async function startKillingApi(context: string): Promise<KillingApi> {
  let seen = (_kind: string): When | null => null
  let kill = (): void => {}
  const proxy = await startApiProxy({
    context,
    token: null,
    each(request, response) {
      const kind = response && kindOf(request)
      if (!kind) return false
      const when = seen(kind)
      if (when === 'before') {
        kill()
        return true
      }
      // The API server has answered, and nobody hears it.
      if (when === 'after') response.prependOnceListener('pipe', kill)
      return false
    },
  })
  const env = { ...(await platformEnv()), KUBECONFIG: proxy.kubeconfig }
  return {
    env,
    close: () => proxy.close(),
    async run(args, cwd, point) {
      const writes: string[] = []
      seen = (kind) => {
        writes.push(kind)
        const nth = writes.filter((each) => each === kind).length - 1
        return point?.kind === kind && point.nth === nth ? point.when : null
      }
      const { child, ended, stderr } = startShopctl(args, cwd, env)
      kill = () => {
        if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
      }
      const [exitCode, signal] = await ended
      seen = () => null
      return { isKilled: signal === 'SIGKILL', exitCode, stderr: stderr(), writes }
    },
  }
}
